"""A measure against the number of sources, the number of rows being the same."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from manybaskets.config.study import Study
from manybaskets.measures import get
from manybaskets.measures.selection import measured_names
from manybaskets.names import TEST
from manybaskets.presentation.figures import panel_drawing
from manybaskets.presentation.figures.figure_style import FAINT, INK, Look, looks, save_figure
from manybaskets.presentation.figures.panel_grid import arrange_plots, pages, plot_titles, wrap
from manybaskets.presentation.figures.registry import PlannedFigure, figure, numbered
from manybaskets.presentation.formatting import Lookup, measure_lookup
from manybaskets.records.measured import in_order
from manybaskets.report.figures.measured_panels import FIT
from manybaskets.report.source_counts import source_count_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SPREAD = 0.56  # how far apart the mixes of one number of sources stand, together

_CAPTION = """
    What more sources do while the number of training rows stays the same: each point is one mix with
    its interval, and the dark line joins the means of the mixes with equally many sources. Mixes with
    the same number of sources are drawn side by side so that all can be seen; their order means
    nothing. All sources occur equally often in the mixes of a number, so a slope is not the effect of
    one good source. There are few mixes: the table of trends shows how certain a slope is."""


def _plan(study: Study) -> Iterator[PlannedFigure]:
    if not study.targets:
        return
    names = [name for name in measured_names(study, TEST) if get(name).applies_to(TEST)]
    names = [name for name in names if not name.startswith(FIT)]
    titles = plot_titles([get(name).label for name in names], study.targets)
    arrangement = arrange_plots(titles, study.figures)
    per_page = max(1, arrangement.per_page // len(study.targets))
    for family in study.source_counts:
        members = {mix: list(of) for mix, of in study.count_members(family).items()}
        chunks = pages(names, per_page, arrangement.columns)
        options = [{"measures": chunk, "members": members} for chunk in chunks]
        title = f"Number of sources: {family}"
        yield PlannedFigure(f"source-count-{family}", numbered(title, options))


@figure(kind="source-count", needs=("summary",), caption=_CAPTION, plan=_plan)
def source_counts(
    summary: pl.DataFrame,
    stem: Path,
    *,
    members: Mapping[str, Sequence[str]],
    measures: Sequence[str],
    look: Look,
    prompt_set: str = "test",
    lookup: Lookup | None = None,
) -> list[Path]:
    """One point with its interval per mix, over its number of sources; a line joins the means.

    The mean of a number of sources is that of its mixes; of perplexities the geometric one.

    Args:
        members: sources of every mix of the family.
        measures: one panel each and for every target, in order.
    """
    from matplotlib.lines import Line2D

    find, settings = measure_lookup(lookup), look.settings
    rows = summary.filter(pl.col("measure").is_in(measures), pl.col("prompt_set") == prompt_set)
    table = source_count_table(rows, members, find).filter(pl.col("value").is_finite())
    with looks(settings):
        if not table.height:
            return panel_drawing.nothing("No mix of this family was measured.", stem, settings)
        targets = in_order(table["model"], list(look.targets))
        cells = [(name, target) for name in measures for target in targets]
        titles = plot_titles([find(name).label for name in measures], targets)
        arrangement = arrange_plots(titles, settings)
        names = _names(table, members)
        line = settings.font_size / 72 * 1.5
        head = line * (1 + sum(name.count("\n") + 1 for name in names.values()) / 2)
        page, axes = panel_drawing.multiples(len(cells), arrangement, settings, head)
        counts = sorted(set(table["count"]))
        for place, (axis, key, title) in enumerate(zip(axes, cells, titles, strict=True)):
            cell = table.filter(panel_drawing.matches(["measure", "model"], key))
            measure = find(key[0])
            _panel(axis, cell, look, measure.transform == "exp")
            axis.set_xticks(counts)
            axis.set_xlim(counts[0] - 0.5, counts[-1] + 0.5)
            axis.set_title(wrap(title, arrangement.title_width))
            axis.set_ylabel(
                wrap(panel_drawing.unit(measure).replace("←", "↓").replace("→", "↑"), 26)
            )
            if place >= len(cells) - arrangement.columns:
                axis.set_xlabel("number of sources")
        handles = [Line2D([], [], color=INK, marker="_", markersize=12, alpha=0.75)]
        for mix in names:
            colour, marker = look.conditions.get(mix, (INK, "o"))
            handles.append(Line2D([], [], color=colour, marker=marker, linestyle="none"))
        texts = ["mean of the mixes", *names.values()]
        page.legend(handles, texts, loc="outside lower left", ncols=2, labelspacing=0.5)
        return save_figure(page, stem, settings)


def _panel(axis: Axes, cell: pl.DataFrame, look: Look, exponential: bool) -> None:
    ends, means = [], []
    for (count,), group in cell.sort("count").group_by("count", maintain_order=True):
        mixes = group.rows(named=True)
        for place, row in enumerate(mixes):
            step = (place - (len(mixes) - 1) / 2) / max(len(mixes) - 1, 1)
            x = count + _SPREAD * step
            colour, marker = look.conditions.get(row["mix"], (INK, "o"))
            if row["low"] is not None and row["high"] is not None:
                axis.plot([x, x], [row["low"], row["high"]], color=colour, solid_capstyle="butt")
                ends += [end for end in (row["low"], row["high"]) if math.isfinite(end)]
            axis.plot([x], [row["value"]], marker, color=colour, zorder=3)
            ends.append(row["value"])
        value = pl.col("value").log().mean().exp() if exponential else pl.col("value").mean()
        means.append((count, group.select(value).item()))
    axis.plot(*zip(*means, strict=True), color=INK, linewidth=1.0, marker="_", markersize=14,
              markeredgewidth=1.4, alpha=0.75, zorder=2)  # fmt: skip
    wide = exponential and max(ends) > panel_drawing.WIDE * min(ends) > 0
    panel_drawing.scale(axis, ends, logarithmic=wide, way="y")
    axis.grid(axis="y", color=FAINT)


def _names(table: pl.DataFrame, members: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Of every mix that is drawn its name, with its sources where that does not hold them."""
    drawn = set(table["mix"])
    return {
        mix: wrap(mix if sources[0] in mix else f"{mix}: {' + '.join(sources)}", 44)
        for mix, sources in members.items()
        if mix in drawn
    }
