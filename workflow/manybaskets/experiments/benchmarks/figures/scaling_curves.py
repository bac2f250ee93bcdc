"""Scaling curves: scores against the number of training rows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from manybaskets.config.study import Study
from manybaskets.experiments.benchmarks.analysis import SCALING
from manybaskets.experiments.benchmarks.figures.profile import model_styles
from manybaskets.experiments.benchmarks.own_runs import with_runs
from manybaskets.presentation.figures import panel_drawing
from manybaskets.presentation.figures.figure_style import Look, looks, save_figure
from manybaskets.presentation.figures.registry import Page, PlannedFigure, figure

KIND = "benchmark-scaling"
_PANEL, _COLUMNS, _LEGEND = 2.6, 2, 0.4  # inches of a panel; panels side by side; inches
_CAPTION = """
    Average or score by number of training rows, on a logarithmic axis, one line per source of the
    training data, with intervals where standard errors are known."""


def _plan(study: Study) -> Iterator[PlannedFigure]:
    section = with_runs(study) if getattr(study, "benchmarks", None) else None
    for name, curves in section.scaling.items() if section else ():
        yield PlannedFigure(f"{KIND}-{name}", [Page(curves.title, {"scaling": name})])


@figure(kind=KIND, needs=(SCALING,), section="benchmarks", caption=_CAPTION, plan=_plan)
def scaling_curves(points: pl.DataFrame, stem: Path, *, scaling: str, look: Look) -> list[Path]:
    """A panel per average or benchmark, a line per base model and source.

    Args:
        points: statistics `benchmark-scaling`.
        scaling: key of the curves.
    """
    from matplotlib.ticker import FuncFormatter, NullLocator

    settings = look.settings
    own = points.filter(scaling=scaling).drop_nulls("value")
    scores = own["score"].unique(maintain_order=True).to_list()
    several = own["base"].n_unique() > 1
    lines = own.select("base", "source").unique(maintain_order=True).rows()
    styles = model_styles([_name(*line, several) for line in lines])
    with looks(settings):
        columns = min(_COLUMNS, len(scores))
        rows = math.ceil(len(scores) / columns)
        page, grid = panel_drawing.grid(rows, columns, _PANEL, settings, _LEGEND)
        axes = [axis for line in grid for axis in line]
        panel_drawing.drop(axes[len(scores) :])
        for axis, score in zip(axes, scores, strict=False):
            for base, source in lines:
                line = own.filter(pl.col("base").eq_missing(base), source=source, score=score)
                colour, marker = styles[_name(base, source, several)]
                axis.plot(line["rows"], line["value"], marker=marker, color=colour)
                for row in line.drop_nulls("low").to_dicts():
                    axis.plot([row["rows"]] * 2, [row["low"], row["high"]], color=colour)
            sizes = sorted(set(own.filter(score=score)["rows"]))
            axis.set_xscale("log")
            axis.set_xticks(sizes)
            axis.xaxis.set_minor_locator(NullLocator())
            axis.xaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size:,.0f}"))
            axis.set_title(score)
            axis.set_xlabel("training rows")
            axis.grid(axis="y")
        handles = [
            line
            for line in axes[0].get_lines()
            if len(line.get_xdata()) and line.get_marker() != "None"
        ]
        page.legend(handles, list(styles), loc="outside upper left", ncols=4)
        return save_figure(page, stem, settings)


def _name(base: str | None, source: str, several: bool) -> str:
    return f"{base}: {source}" if several else source
