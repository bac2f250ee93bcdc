"""Profile over benchmarks: a row per benchmark and average, a point per model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from manybaskets.config.study import Study
from manybaskets.experiments.benchmarks.analysis import SELECTIONS
from manybaskets.experiments.benchmarks.own_runs import with_runs
from manybaskets.presentation.figures import panel_drawing
from manybaskets.presentation.figures.figure_style import (
    Look,
    condition_style,
    looks,
    new_figure,
    save_figure,
)
from manybaskets.presentation.figures.panel_grid import row_height, wrap
from manybaskets.presentation.figures.registry import Page, PlannedFigure, figure

KIND = "benchmark-profile"
_COLUMNS = 3  # names side by side in the legend
_CAPTION = """
    Score divided by the benchmark's maximum, one point per model, with intervals where standard errors
    are known. Averages come last. Benchmarks differ in difficulty: compare models within a row."""


def model_styles(models: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Colour and marker of every model."""
    styles = condition_style(dict.fromkeys(models, "single"))
    return {name: styles[name] for name in models}


def _plan(study: Study) -> Iterator[PlannedFigure]:
    section = with_runs(study) if getattr(study, "benchmarks", None) else None
    for name, selection in section.selections.items() if section else ():
        page = Page(
            f"Profile over benchmarks: {selection.title}",
            {"selection": name, "models": [section.label(model) for model in selection.models]},
        )
        yield PlannedFigure(f"{KIND}-{name}", [page])


@figure(kind=KIND, needs=(SELECTIONS,), section="benchmarks", caption=_CAPTION, plan=_plan)
def profile(
    selections: pl.DataFrame, stem: Path, *, selection: str, models: Sequence[str], look: Look
) -> list[Path]:
    """Scores of a selection's models.

    Args:
        selections: statistics of this name.
        selection: key of the selection.
        models: labels of its models, in order.
    """
    from matplotlib.lines import Line2D

    settings = look.settings
    own = selections.filter(selection=selection).drop_nulls("score")
    names = own["benchmark"].unique(maintain_order=True).to_list()
    styles = model_styles(models)
    with looks(settings):
        legend = 0.2 * (1 + (len(models) - 1) // _COLUMNS)
        page = new_figure(settings.width, row_height(names, 2.0, settings) * 1.3 + legend)
        axis = page.subplots()
        step = 0.6 / max(len(models) - 1, 1)
        for row in own.to_dicts():
            shift = (models.index(row["model"]) - (len(models) - 1) / 2) * step
            scaled = {
                "estimate": row["score"] / row["maximum"],
                "low": None if row["low"] is None else row["low"] / row["maximum"],
                "high": None if row["high"] is None else row["high"] / row["maximum"],
            }
            place = names.index(row["benchmark"]) + shift
            panel_drawing.point(axis, place, scaled, *styles[row["model"]])
        panel_drawing.name_rows(axis, names, first=True)
        axis.set_xlabel("score, as a share of the maximum")
        axis.grid(axis="x")
        handles = [
            Line2D([], [], color=colour, marker=marker, linestyle="", label=wrap(name, 30))
            for name, (colour, marker) in styles.items()
        ]
        page.legend(handles=handles, loc="outside upper left", ncols=_COLUMNS)
        return save_figure(page, stem, settings)
