"""Lines: the mean of every author, one line per judge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from manybaskets.experiments.preference.figures.scope import (
    GOLD,
    HEAD,
    NOTHING_READ,
    TITLES,
    UNITS,
    Scope,
    Ways,
    authors_of,
    judge_name,
    judge_style,
    judges_of,
    means_of,
    paged_by_target,
    rows_of_judges,
    with_preference,
)
from manybaskets.presentation.figures import panel_drawing
from manybaskets.presentation.figures.figure_style import INK, Look, looks, save_figure
from manybaskets.presentation.figures.panel_grid import wrap
from manybaskets.presentation.figures.registry import PlannedFigure, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

KIND = "preference-authors"
_HEIGHT = 2.9  # inches of a panel of lines
_COLUMNS = 2
_CAPTION = """
    The mean of each author's summaries, one line per judge, with intervals over articles and
    training seeds. Lines that are higher or lower as a whole are more lenient or stricter judges;
    only their shapes show preferences. Authors differ in summary length; the length table removes
    this difference."""


def plan(scope: Scope) -> Iterator[PlannedFigure]:
    """Every author's mean, a panel per way of asking."""
    authors = [*scope.roles.models, scope.roles.human]
    title = "Mean score of every author"
    yield paged_by_target(
        scope, KIND, title, "ways", scope.ways, _HEIGHT / _COLUMNS, authors=authors
    )


@figure(
    kind=KIND,
    needs=("preference-matrix",),
    section="preference",
    caption=_CAPTION,
    plan=with_preference(plan),
)
def authors(
    means_of_ways: pl.DataFrame,
    stem: Path,
    *,
    target: str,
    ways: Ways,
    authors: Sequence[str],
    look: Look,
) -> list[Path]:
    """Mean of each author, a line per judge; a panel per way of asking. Arguments as for `matrix`."""
    settings = look.settings
    means = means_of(means_of_ways, target)
    panels = [(way, rows) for way in ways if (rows := rows_of_judges(means, target, way)).height]
    with looks(settings):
        if not panels:
            return panel_drawing.nothing(NOTHING_READ, stem, settings)
        columns = min(_COLUMNS, len(panels))
        lines = -(-len(panels) // columns)
        page, grid = panel_drawing.grid(lines, columns, _HEIGHT, settings, HEAD)
        axes = [axis for row in grid for axis in row]
        drawn: dict[tuple[str, str], Line2D] = {}
        for (way, rows), axis in zip(panels, axes, strict=False):
            names, judges = authors_of(rows, authors), judges_of(rows, look)
            for line, judge in enumerate(judges):
                shift = 0.5 * (line - (len(judges) - 1) / 2) / max(len(judges), 4)
                drawn[judge] = _line(axis, rows, judge, names, shift, look)
            if way[1] == "pairwise":
                axis.axhline(0.5, color=INK, linewidth=0.8, zorder=1)
            axis.set_xticks(
                range(len(names)), [wrap(name, 10) for name in names], rotation=30, ha="right"
            )
            axis.set_ylabel(UNITS[way[1]])
            axis.set_title(TITLES[tuple(way)])
            axis.grid(axis="y")
        panel_drawing.drop(axes[len(panels) :])
        page.legend(list(drawn.values()), [judge_name(judge) for judge in drawn],
                      loc="outside upper left", ncols=min(5, len(drawn)))  # fmt: skip
        return save_figure(page, stem, settings)


def _line(
    axis: Axes, rows: pl.DataFrame, judge: tuple[str, str], names: Sequence[str], shift: float,
    look: Look,
) -> Line2D:  # fmt: skip
    colour, marker = judge_style(judge, look)
    of_judge = rows.filter(panel_drawing.matches(["target", "mix"], judge))
    row_of = {row["author"]: row for row in of_judge.iter_rows(named=True)}
    points = [(index + shift, row_of[name]) for index, name in enumerate(names) if name in row_of]
    (line,) = axis.plot([x for x, _ in points], [row["value"] for _, row in points], marker=marker,
                        color=colour, linewidth=0.9, linestyle="--" if judge[1] == GOLD else "-")  # fmt: skip
    for x, row in points:
        if row["low"] is not None:
            axis.plot([x, x], [row["low"], row["high"]], color=colour, solid_capstyle="butt")
    return line
