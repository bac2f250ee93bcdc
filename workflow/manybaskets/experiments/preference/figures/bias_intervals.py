"""Intervals: the bias of every judge for its own texts and for models, and at equal quality."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from manybaskets.experiments.preference.figures.scope import (
    BIAS_UNITS,
    HEAD,
    NOTHING_READ,
    OWN,
    TITLES,
    Scope,
    Ways,
    judge_style,
    marker_of,
    paged_by_target,
    rows_height,
    rows_of_judges,
    sorted_rows,
    with_preference,
)
from manybaskets.experiments.preference.schemas import CORRECTED
from manybaskets.presentation.figures import panel_drawing
from manybaskets.presentation.figures.figure_style import GREY, INK, Look, looks, save_figure
from manybaskets.presentation.figures.registry import PlannedFigure, figure
from manybaskets.records.measured import in_order

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

KIND = "preference-bias"
_CAPTION = """
    The bias for a judge's own texts (SPB: self minus the other models) and for models over humans
    (PSB), with intervals over articles and training seeds; and how much the bias for self changes a
    judge's answer about texts of equal quality and length, with quality as independent judges see
    it and with each judge's own sharpness. Filled markers of SPB and of the change have a
    Holm-adjusted p below .05; a grey cross is a judge that cannot distinguish an intact summary
    from a shuffled one, so its bias is not meaningful. The published form is not tested."""


def plan(scope: Scope) -> Iterator[PlannedFigure]:
    """Both biases of every condition, a row of panels per way of asking."""
    height = rows_height(len(scope.roles.mixes), scope.settings)
    yield paged_by_target(scope, KIND, "Bias for self and for models", "ways", scope.ways, height)


@figure(
    kind=KIND,
    needs=("preference",),
    section="preference",
    caption=_CAPTION,
    plan=with_preference(plan),
)
def biases(judged: pl.DataFrame, stem: Path, *, target: str, ways: Ways, look: Look) -> list[Path]:
    """SPB, PSB and the change at equal quality, with intervals; a row of panels per way of asking.

    Round markers are for the base model's text as self, diamonds just below for the run's own text.
    Filled markers have a Holm-adjusted p below 0.05; grey crosses cannot be interpreted.

    Args:
        judged: of the schema `preference.results.JUDGED`.
    """
    settings = look.settings
    shown = [(way, rows) for way in ways if (rows := rows_of_judges(judged, target, way)).height]
    with looks(settings):
        if not shown:
            return panel_drawing.nothing(NOTHING_READ, stem, settings)
        names = in_order(judged.filter(pl.col("target") == target)["mix"], list(look.conditions))
        height = rows_height(len(names), settings)
        page, grid = panel_drawing.grid(len(shown), len(_BIASES), height, settings, HEAD)
        for (way, rows), axes in zip(shown, grid, strict=True):
            for axis, (title, (keys, p)) in zip(axes, _BIASES.items(), strict=True):
                if title == EQUAL and way[0] != CORRECTED:
                    panel_drawing.drop([axis])
                    continue
                _biases(axis, rows, names, keys, p if way[0] == CORRECTED else None, look)
                panel_drawing.name_rows(axis, names, first=axis is axes[0])
                axis.set_title(f"{TITLES[tuple(way)]}: {title}")
                axis.set_xlabel(BIAS_UNITS[way[1]])
                axis.grid(axis="x")
        page.legend(*_legend(judged), loc="outside upper left", ncols=5)
        return save_figure(page, stem, settings)


EQUAL = "equal quality"
# By title, the columns of the estimate and its interval, and of its p.
_BIASES = {
    "SPB": (("spb", "low", "high"), "p_holm"),
    "PSB": (("psb", "psb_low", "psb_high"), None),
    EQUAL: (("change", "change_low", "change_high"), "bias_p_holm"),
}


def _biases(
    axis: Axes,
    rows: pl.DataFrame,
    names: Sequence[str],
    keys: Sequence[str],
    p: str | None,
    look: Look,
) -> None:
    ends = [0.0]
    both = rows["self"].n_unique() > 1
    for row in sorted_rows(rows, look):
        if row[keys[0]] is None:
            continue
        shown = dict(zip(("estimate", "low", "high"), (row[key] for key in keys), strict=True))
        ends += [value for value in shown.values() if value is not None]
        colour, _ = judge_style((row["target"], row["mix"]), look)
        own = row["self"] == OWN
        place = names.index(row["mix"]) + (0.0 if not both else 0.18 if own else -0.18)
        unfit = _unfit(row)
        filled = p is None or (row[p] is not None and row[p] < panel_drawing.ALPHA)
        marker = "x" if unfit else "D" if own else "o"
        panel_drawing.point(axis, place, shown, GREY if unfit else colour, marker, filled)
    if len(ends) == 1:
        panel_drawing.without_values(axis)
        return
    panel_drawing.scale(axis, ends, logarithmic=False)
    axis.axvline(0.0, color=INK, linewidth=0.8, zorder=1)


def _unfit(row: Mapping[str, Any]) -> bool:
    """Whether no bias of this judge can be interpreted, including the published form."""
    accuracy = row["accuracy_low"]
    return row["verdict"].startswith("not interpretable") or (
        accuracy is not None and accuracy <= 0.5
    )


def _legend(judged: pl.DataFrame) -> tuple[list[Line2D], list[str]]:
    entries = [
        (marker_of("o"), "self: base model's text"),
        (marker_of("D"), "self: the run's own"),
        (marker_of("o", markerfacecolor="white"), f"not p < {panel_drawing.ALPHA} (Holm)"),
        (marker_of("x", color=GREY), "not interpretable"),
    ]
    if not (judged["self"] == OWN).any():
        entries.pop(1)
    return [entry[0] for entry in entries], [entry[1] for entry in entries]
