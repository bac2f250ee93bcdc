"""Points: the bias of every judge against its ability to judge."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from manybaskets.experiments.preference.figures.scope import (
    BIAS_UNITS,
    HEAD,
    OWN,
    TITLES,
    Scope,
    judge_style,
    marker_of,
    sorted_rows,
    title_of,
    with_preference,
)
from manybaskets.experiments.preference.schemas import PAIRWISE
from manybaskets.presentation.figures import panel_drawing
from manybaskets.presentation.figures.figure_style import INK, Look, looks, save_figure
from manybaskets.presentation.figures.registry import Page, PlannedFigure, figure
from manybaskets.records.measured import in_order

if TYPE_CHECKING:
    from matplotlib.lines import Line2D

KIND = "preference-discrimination"
_CAPTION = """
    The bias of every judge against its ability to judge: the share of pairs in which it prefers an
    intact summary to its shuffled copy, over both orders. If the interval touches one half, the
    judge cannot distinguish good from bad, and a bias near zero is not a sign of fairness."""


def plan(scope: Scope) -> Iterator[PlannedFigure]:
    """Bias against accuracy, if judges are shown pairs of intact and corrupted texts."""
    if not scope.discriminating or PAIRWISE not in [protocol for _, protocol in scope.ways]:
        return
    title = "Bias and ability to judge"
    pages = [
        Page(title_of(scope, title, target), {"target": target}) for target in scope.roles.selves
    ]
    yield PlannedFigure(KIND, pages)


@figure(
    kind=KIND,
    needs=("preference",),
    section="preference",
    caption=_CAPTION,
    plan=with_preference(plan),
)
def discrimination(judged: pl.DataFrame, stem: Path, *, target: str, look: Look) -> list[Path]:
    """SPB against the share of intact texts that a judge prefers to corrupted ones.

    Left of the line, or if an interval crosses it, a judge cannot judge, and a bias near zero does
    not mean that it is unbiased. Args: as for `biases`.
    """
    settings = look.settings
    rows = judged.filter(
        pl.col("target") == target, pl.col("variant") == "corrected",
        pl.col("spb").is_not_null(), pl.col("accuracy").is_not_null(),
    )  # fmt: skip
    with looks(settings):
        if not rows.height:
            return panel_drawing.nothing("No judge was shown corrupted texts.", stem, settings)
        protocols = in_order(rows["protocol"], list(BIAS_UNITS))
        page, grid = panel_drawing.grid(1, len(protocols), 3.0, settings, HEAD)
        drawn: dict[str, Line2D] = {}
        for protocol, axis in zip(protocols, grid[0], strict=True):
            ends, sides = [0.0], [0.5, 1.0]
            for row in sorted_rows(rows.filter(pl.col("protocol") == protocol), look):
                colour, marker = judge_style((row["target"], row["mix"]), look)
                own = row["self"] == OWN
                x, y = row["accuracy"], row["spb"]
                for xs, ys in (
                    ([row["accuracy_low"], row["accuracy_high"]], [y, y]),
                    ([x, x], [row["low"], row["high"]]),
                ):
                    if None not in (*xs, *ys):
                        axis.plot(xs, ys, color=colour, linewidth=0.9, alpha=0.7)
                        sides += xs
                        ends += ys
                (point,) = axis.plot([x], [y], marker, color=colour, zorder=3,
                                     markerfacecolor="white" if own else colour)  # fmt: skip
                if not own:
                    drawn[row["mix"]] = point
            panel_drawing.scale(axis, sides, logarithmic=False)
            panel_drawing.scale(axis, ends, logarithmic=False, way="y")
            axis.axvline(0.5, color=INK, linewidth=0.8, zorder=1)
            axis.axhline(0.0, color=INK, linewidth=0.8, zorder=1)
            axis.set_xlabel("accuracy on intact against corrupted")
            axis.set_ylabel(f"SPB, {BIAS_UNITS[protocol]}")
            axis.set_title(TITLES["corrected", protocol])
            axis.grid()
        names = in_order(drawn, list(look.conditions))
        handles = [drawn[name] for name in names]
        if (rows["self"] == OWN).any():
            handles.append(marker_of("o", markerfacecolor="white"))
            names = [*names, "hollow: the run's own text"]
        page.legend(handles, names, loc="outside upper left", ncols=min(5, len(names)))
        return save_figure(page, stem, settings)
