"""Style of answers: every condition beside the sources of its training data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from manybaskets.config.study import Study
from manybaskets.measures import get
from manybaskets.measures.selection import measured_names
from manybaskets.names import TEST, TRAIN
from manybaskets.presentation.figures import panel_drawing
from manybaskets.presentation.figures.figure_style import FAINT, INK, Look, looks, save_figure
from manybaskets.presentation.figures.panel_grid import arrange, pages, wrap
from manybaskets.presentation.figures.registry import PlannedFigure, figure, numbered
from manybaskets.presentation.formatting import Lookup, measure_lookup
from manybaskets.records.measured import in_order, of_runs, of_sources
from manybaskets.report.figures.measured_panels import STYLE, rows_of_runs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_APART = 0.17  # rows that a source's point stands above, and a run's below, the middle

_CAPTION = """
    How much Markdown an answer holds, with intervals. Filled markers are the answers of the fine-tuned
    targets to the test prompts; hollow ones, just above, are what the source of their training data
    wrote for the training prompts. A filled marker close to its hollow one has inherited that habit;
    `vanilla` shows where the target came from. Mixes of several sources have no hollow marker of their
    own: look at those of their sources."""


def _plan(study: Study) -> Iterator[PlannedFigure]:
    if not study.targets and not study.source_analysis:
        return
    listed = [*measured_names(study, TEST), *measured_names(study, TRAIN)]
    names = [name for name in dict.fromkeys(listed) if name.startswith(STYLE)]
    rows = rows_of_runs(study) if study.targets else []
    rows = [*rows, "other", *study.analysed_sources()]
    arrangement = arrange([get(name).label for name in names], rows, study.figures)
    chunks = pages(names, arrangement.per_page, arrangement.columns)
    yield PlannedFigure(
        "style",
        numbered("Style of the answers", [{"measures": chunk} for chunk in chunks]),
        section="runs" if study.targets else "sources",
    )


@figure(kind="style", needs=("summary",), caption=_CAPTION, plan=_plan)
def style(
    summary: pl.DataFrame,
    stem: Path,
    *,
    measures: Sequence[str],
    look: Look,
    prompt_set: str = "test",
    lookup: Lookup | None = None,
) -> list[Path]:
    """Measures of style: filled points are runs, hollow ones above them what their source wrote.

    A mix of one source, or of the human answers, has its source beside it; other mixes and the
    untuned target stand alone, and so do sources that no such mix was made of, in rows below.

    Args:
        measures: one panel each, in order.
        prompt_set: what the runs answered; the sources answered the training prompts.
    """
    find, settings = measure_lookup(lookup), look.settings
    defined = summary.filter(pl.col("measure").is_in(measures), pl.col("estimate").is_not_null())
    runs = of_runs(defined).filter(pl.col("prompt_set") == prompt_set)
    sources = of_sources(defined)
    with looks(settings):
        if not runs.height and not sources.height:
            return panel_drawing.nothing("No measure of style in this study.", stem, settings)
        rows = _rows(runs, sources, look)
        titles = [find(name).label for name in measures]
        arrangement = arrange(titles, [row.name for row in rows], settings)
        page, axes = panel_drawing.multiples(len(measures), arrangement, settings, 0.3)
        for column, (name, axis) in enumerate(zip(measures, axes, strict=True)):
            measure = find(name)
            wrote = {row["mix"]: row for row in _of(sources, name)}
            answered = {(row["model"], row["mix"]): row for row in _of(runs, name)}
            ends = [0.0]
            for y, row in enumerate(rows):
                pair = row.source in wrote and row.run in answered
                if row.run in answered:
                    look_of = look.conditions[row.run[1]]
                    ends += _point(axis, y + _APART * pair, answered[row.run], look_of, True)
                if row.source in wrote:
                    look_of = look.of_sources[row.source]
                    ends += _point(axis, y - _APART * pair, wrote[row.source], look_of, False)
            panel_drawing.scale(axis, ends, logarithmic=False)
            axis.grid(axis="x")
            _name(axis, rows, column % arrangement.columns == 0)
            axis.set_title(wrap(measure.label, arrangement.title_width))
            axis.set_xlabel(wrap(panel_drawing.unit(measure), arrangement.unit_width))
        if runs.height:
            _legend(page)
        return save_figure(page, stem, settings)


def _legend(page: Figure) -> None:
    from matplotlib.lines import Line2D

    line = {"color": INK, "marker": "o", "linewidth": 1.2}
    page.legend(
        [Line2D([], [], **line), Line2D([], [], markerfacecolor="white", **line)],
        ["answers of the run", "what its source wrote: the training data"],
        loc="outside upper left", ncols=2,
    )  # fmt: skip


class _Row(NamedTuple):
    """A row: a run (target and mix), a source, or both; neither for a heading."""

    name: str
    run: tuple[str, str] | None = None
    source: str | None = None


def _rows(runs: pl.DataFrame, sources: pl.DataFrame, look: Look) -> list[_Row]:
    base_of = {
        mix: look.mix_sources[mix][0]
        for mix, kind in look.kinds.items()
        if kind in ("single", "human")
    }
    targets = in_order(runs["model"], list(look.targets))
    mixes = in_order(runs["mix"], list(look.conditions))
    rows = []
    for target in targets:
        rows += [_Row(target)] if len(targets) > 1 else []
        rows += [_Row(mix, (target, mix), base_of.get(mix)) for mix in mixes]
    bases = {base_of.get(mix) for mix in mixes}
    alone = [name for name in in_order(sources["mix"], list(look.sources)) if name not in bases]
    heading = [_Row("other sources")] if alone and rows else []
    return rows + heading + [_Row(name, None, name) for name in alone]


def _of(frame: pl.DataFrame, measure: str) -> Iterator[dict[str, Any]]:
    """Rows of a measure."""
    return frame.filter(pl.col("measure") == measure).iter_rows(named=True)


def _point(
    axis: Axes, height: float, row: Mapping[str, Any], style: tuple[str, str], filled: bool
) -> list[float]:
    """Draw an estimate with its interval; what the axis has to hold for it."""
    panel_drawing.point(axis, height, row, *style, filled)
    return [row[key] for key in ("estimate", "low", "high") if row[key] is not None]


def _name(axis: Axes, rows: Sequence[_Row], first: bool) -> None:
    panel_drawing.name_rows(axis, [row.name for row in rows], first)
    for height, row in enumerate(rows):
        if row.run is None and row.source is None:
            axis.get_yticklabels()[height].set_fontweight("bold")
            if height:
                axis.axhline(height - 0.5, color=FAINT, linewidth=0.8, zorder=0)
