"""How a measure is spread over the prompts: boxes, and the mean with its interval."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from manybaskets.config.study import Study
from manybaskets.names import TRAIN
from manybaskets.presentation.figures import panel_drawing
from manybaskets.presentation.figures.figure_style import INK, Look, looks, save_figure
from manybaskets.presentation.figures.panel_grid import arrange, titles, wrap
from manybaskets.presentation.figures.registry import PlannedFigure, figure
from manybaskets.presentation.formatting import Lookup, measure_lookup, transformed
from manybaskets.records.measured import whose
from manybaskets.report.figures.measured_panels import (
    measured_panels,
    paged,
    rows_of_runs,
    rows_of_sources,
    with_spread,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DRAWN = (0.05, 0.25, 0.5, 0.75, 0.95)
_KEY = ["measure", "prompt_set", "model", "mix"]
_TINT = 0.35  # opacity of a box
_CAPTION = """
    How single answers differ from each other within a condition; each of these measures has one value
    per prompt. A box holds the middle half of the prompts, the line in it is the median, and the thin
    line reaches from the 5 % to the 95 % quantile; several training seeds are pooled. The marker is
    the mean with its interval, which shows how well the mean is known and not how much answers vary.
    Perplexities have a logarithmic axis, and their mean is the geometric one."""


def _plan(study: Study) -> Iterator[PlannedFigure]:
    if study.targets:
        panels = with_spread(measured_panels(study, study.all_prompt_sets()))
        pages = paged(study, "Spread over the prompts", panels, rows_of_runs(study))
        yield PlannedFigure("distributions", pages)
    if study.source_analysis:
        panels = with_spread(measured_panels(study, [TRAIN]))
        title = "The sources' spread over the prompts"
        pages = paged(study, title, panels, rows_of_sources(study))
        yield PlannedFigure("distributions-sources", pages, section="sources")


@figure(kind="distributions", needs=("distributions", "summary"), caption=_CAPTION, plan=_plan)
def distributions(
    quantiles: pl.DataFrame,
    summary: pl.DataFrame,
    stem: Path,
    *,
    panels: Sequence[Sequence[str]],
    look: Look,
    lookup: Lookup | None = None,
) -> list[Path]:
    """Quantiles over prompts of every condition as boxes; a point is the mean with its interval.

    Whiskers reach from the 5 % to the 95 % quantile, boxes from 25 % to 75 %, and a line is the
    median. Perplexities stand on a logarithmic axis; their mean is the geometric one.

    Args:
        quantiles: columns `measure, model, mix, prompt_set, quantile, value`.
        summary: the conditions' estimates.
        panels: pairs of measure and prompt set, in order; all of runs, or all of sources.
    """
    find = measure_lookup(lookup)
    wanted = pl.DataFrame(list(panels), schema=dict.fromkeys(_KEY[:2], pl.String), orient="row")
    quantiles = quantiles.join(wanted, on=_KEY[:2], how="semi")
    means = {
        tuple(row[name] for name in _KEY): row
        for row in summary.join(wanted, on=_KEY[:2], how="semi").iter_rows(named=True)
    }
    with looks(look.settings):
        if not quantiles.height:
            return panel_drawing.nothing("No measure of single answers.", stem, look.settings)
        styles = look.of_sources if whose(quantiles) == "sources" else look.conditions
        places = panel_drawing.Places(quantiles, list(styles), look.targets)
        names = titles(panels, find)
        arrangement = arrange(names, places.names, look.settings)
        page, axes = panel_drawing.multiples(len(panels), arrangement, look.settings, 0.3)
        for place, (panel, title, axis) in enumerate(zip(panels, names, axes, strict=True)):
            measure = find(panel[0])
            cell = quantiles.filter(panel_drawing.matches(_KEY[:2], panel))
            ends: list[float] = []
            conditions = cell.select("model", "mix").unique()
            for row in places.sorted(conditions):
                model, mix = row["model"], row["mix"]
                group = cell.filter(panel_drawing.matches(["model", "mix"], (model, mix)))
                box = _box(group, means.get((*panel, model, mix)), measure.transform)
                if box is not None:
                    _draw(axis, places.of(row), box, *styles.get(mix, (INK, "o")))
                    ends += [v for v in box.values() if v is not None and math.isfinite(v)]
            panel_drawing.scale(axis, ends, logarithmic=measure.transform == "exp")
            if not ends:
                panel_drawing.without_values(axis)
            axis.grid(axis="x")
            places.label(axis, place % arrangement.columns == 0)
            axis.set_title(wrap(title, arrangement.title_width))
            axis.set_xlabel(wrap(panel_drawing.unit(measure), arrangement.unit_width))
        _legend(page)
        return save_figure(page, stem, look.settings)


def _box(
    group: pl.DataFrame, mean: Mapping[str, Any] | None, transform: str
) -> dict[Any, float | None] | None:
    """The drawn quantiles by their number, with `estimate`, `low` and `high` of the mean."""
    known = {round(q, 4): v for q, v in zip(group["quantile"], group["value"], strict=True)}
    found: dict[Any, float | None] = {q: transformed(known.get(q), transform) for q in _DRAWN}
    if any(value is None for value in found.values()):
        return None
    ends = ("estimate", "low", "high")
    return found | {end: transformed(mean[end] if mean else None, transform) for end in ends}


def _draw(
    axis: Axes, place: float, box: Mapping[Any, float | None], colour: str, marker: str
) -> None:
    low, first, median, third, high = (box[q] for q in _DRAWN)
    axis.plot([low, high], [place, place], color=colour, linewidth=0.9, solid_capstyle="butt")
    axis.fill_betweenx(
        [place - 0.34, place + 0.34], first, third, facecolor="white", edgecolor="none", zorder=2
    )
    axis.fill_betweenx(
        [place - 0.34, place + 0.34], first, third, facecolor=(colour, _TINT), edgecolor=colour,
        linewidth=0.7, zorder=2.1,
    )  # fmt: skip
    axis.plot(
        [median, median], [place - 0.34, place + 0.34], color=INK, linewidth=1.3, zorder=2.2,
        solid_capstyle="butt",
    )  # fmt: skip
    if box["estimate"] is None:
        return
    if box["low"] is not None and box["high"] is not None:
        axis.plot(
            [box["low"], box["high"]], [place, place], color=INK, linewidth=1.8, zorder=3,
            solid_capstyle="butt",
        )  # fmt: skip
    axis.plot(
        [box["estimate"]], [place], marker, color=colour, markeredgecolor="white",
        markeredgewidth=0.7, markersize=5.5, zorder=4,
    )  # fmt: skip


def _legend(page) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles = [
        Line2D([], [], color=INK, linewidth=0.9),
        Patch(facecolor=(INK, _TINT), edgecolor=INK, linewidth=0.7),
        Line2D([], [], color=INK, linewidth=1.3, marker="|", linestyle="none", markersize=9),
        Line2D([], [], color=INK, linewidth=1.8, marker="o", markeredgecolor="white"),
    ]
    names = ["5 % to 95 % of the prompts", "25 % to 75 %", "median", "mean with its interval"]
    page.legend(handles, names, loc="outside upper left", ncols=4, columnspacing=1.2)
