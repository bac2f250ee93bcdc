"""Points with intervals: every condition, and the paired differences of a family."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from manybaskets.presentation.figures import panel_drawing
from manybaskets.presentation.figures.figure_style import GREY, INK, Look, looks, save_figure
from manybaskets.presentation.figures.panel_grid import arrange, titles, wrap
from manybaskets.presentation.formatting import Lookup, measure_lookup, transformed
from manybaskets.records.measured import whose
from manybaskets.statistics.blends import BEST_SINGLE, MEAN_OF_SINGLES, OWN
from manybaskets.statistics.verdict import ALPHA, DIFFERENT, verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLEND_KINDS = (MEAN_OF_SINGLES, BEST_SINGLE, OWN)
Panels = Sequence[Sequence[str]]  # pairs of measure and prompt set


def draw_conditions(
    summary: pl.DataFrame, stem: Path, *, panels: Panels, look: Look, lookup: Lookup | None = None
) -> list[Path]:
    """Every condition with its interval, a panel per measure; targets in blocks one below the other.

    Args:
        panels: what is drawn, in order; all of runs, or all of sources.
    """
    return _intervals(summary, "estimate", "", stem, panels, look, measure_lookup(lookup))


def draw_differences(
    compared: pl.DataFrame,
    family: str,
    stem: Path,
    *,
    panels: Panels,
    look: Look,
    lookup: Lookup | None = None,
) -> list[Path]:
    """Paired differences of one family with their intervals and the line of no difference.

    Perplexities are compared as ratios on a logarithmic axis. A filled marker is a difference by
    `statistics.verdict`: its interval excludes equality and its Holm-adjusted p is below 0.05.
    """
    compared = compared.filter(pl.col("family") == family)
    baseline = compared["baseline"][0] if compared.height else ""
    return _intervals(
        compared, "difference", f"Difference from {baseline}", stem, panels, look,
        measure_lookup(lookup),
    )  # fmt: skip


def draw_blends(
    blends: pl.DataFrame,
    stem: Path,
    *,
    mixes: Sequence[str],
    panels: Panels,
    look: Look,
    lookup: Lookup | None = None,
) -> list[Path]:
    """Blends minus the mean of their singles, their best single and the target's own, in three rows each.

    Args:
        blends: of the schema `statistics.blends.BLENDS`.
        mixes: the blends that are drawn.
    """
    shown = blends.filter(pl.col("mix").is_in(list(mixes)))
    rows = {row_of(mix, kind): look.conditions.get(mix, (INK, "o"))
            for mix in mixes for kind in BLEND_KINDS}  # fmt: skip
    named = shown.with_columns(
        pl.struct("mix", "against").map_elements(
            lambda row: row_of(row["mix"], row["against"]), return_dtype=pl.String
        ).alias("mix")
    )  # fmt: skip
    return _intervals(
        named, "difference", "Difference", stem, panels, look, measure_lookup(lookup), rows
    )


def row_of(mix: str, against: str) -> str:
    """Name of the row of a blend and of what it is compared with."""
    return f"{mix} − {against}"


def _intervals(
    frame: pl.DataFrame, value: str, baseline: str, stem: Path, panels: Panels, look: Look,
    find: Lookup, rows: dict[str, tuple[str, str]] | None = None,
) -> list[Path]:  # fmt: skip
    """Panels of points; `baseline` is the legend's title, `rows` the looks by row where they are no conditions."""
    from matplotlib.lines import Line2D

    wanted = pl.DataFrame(
        list(panels), schema={"measure": pl.String, "prompt_set": pl.String}, orient="row"
    )
    frame = frame.join(wanted, on=["measure", "prompt_set"], how="semi")
    with looks(look.settings):
        if not frame.height:
            return panel_drawing.nothing(
                "Nothing was measured for this figure.", stem, look.settings
            )
        conditions = look.of_sources if whose(frame) == "sources" else look.conditions
        styles = rows or conditions
        places = panel_drawing.Places(frame, list(styles), look.targets)
        names = titles(panels, find)
        arrangement = arrange(names, places.names, look.settings)
        head = 0.6 if baseline else 0.0
        figure, axes = panel_drawing.multiples(len(panels), arrangement, look.settings, head)
        for place, (panel, title, axis) in enumerate(zip(panels, names, axes, strict=True)):
            measure = find(panel[0])
            cell = frame.filter(panel_drawing.matches(["measure", "prompt_set"], panel))
            _panel(axis, cell, value, places, styles, measure)
            places.label(axis, place % arrangement.columns == 0)
            axis.set_title(wrap(title, arrangement.title_width))
            text = panel_drawing.unit(measure, compared=bool(baseline))
            axis.set_xlabel(wrap(text, arrangement.unit_width))
        if baseline:
            line = {"color": INK, "marker": "o", "linewidth": 1.2}
            figure.legend(
                [Line2D([], [], **line), Line2D([], [], markerfacecolor="white", **line)],
                [f"interval excludes equality, Holm-adjusted p < {ALPHA}", "not both"],
                loc="outside upper left", ncols=2, title=f"{baseline}; of perplexities: the ratio",
                alignment="left",
            )  # fmt: skip
        return save_figure(figure, stem, look.settings)


def _panel(
    axis: Axes, cell: pl.DataFrame, value: str, places: panel_drawing.Places,
    styles: dict[str, tuple[str, str]], measure: Any,
) -> None:  # fmt: skip
    """Points and intervals of one measure, on the scale that readers see."""
    forest = value == "difference"
    exponential = measure.transform == "exp"
    ends = [1.0 if exponential else 0.0] if forest else []
    alike = ends[:]
    for row in places.sorted(cell):
        if row[value] is None:
            axis.text(0.02, places.of(row), "no value", transform=axis.get_yaxis_transform(),
                      va="center", fontsize="small", color=GREY)  # fmt: skip
            continue
        keys = {"estimate": value, "low": "low", "high": "high"}
        shown = {key: transformed(row[name], measure.transform) for key, name in keys.items()}
        ends += [v for v in shown.values() if v is not None and math.isfinite(v)]
        colour, marker = styles.get(row["mix"], (INK, "o"))
        filled = not forest or verdict(row["low"], row["high"], row["p_holm"]) == DIFFERENT
        panel_drawing.point(axis, places.of(row), shown, colour, marker, filled)
    # The untuned model's perplexity may be far off; it must not flatten the others.
    wide = exponential and ends and min(ends) > 0 and max(ends) > panel_drawing.WIDE * min(ends)
    panel_drawing.scale(axis, ends, logarithmic=(exponential and forest) or bool(wide))
    axis.grid(axis="x")
    if not cell[value].count():
        panel_drawing.without_values(axis, say=False)
    for line in alike:
        axis.axvline(line, color=INK, linewidth=0.8, zorder=1)
