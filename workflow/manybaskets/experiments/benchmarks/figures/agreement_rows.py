"""Agreement: differences of two students and of their teachers, a row per benchmark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from manybaskets.config.study import Study
from manybaskets.experiments.benchmarks.analysis import AGREEMENT
from manybaskets.experiments.benchmarks.own_runs import with_runs
from manybaskets.presentation.figures import panel_drawing
from manybaskets.presentation.figures.figure_style import (
    BLACK,
    BLUE,
    FAINT,
    GREY,
    INK,
    Look,
    looks,
    new_figure,
    save_figure,
)
from manybaskets.presentation.figures.panel_grid import row_height
from manybaskets.presentation.figures.registry import Page, PlannedFigure, figure

KIND = "benchmark-agreement"
_CAPTION = """
    Difference of two tuned models (filled) and of their teachers (open), as a share of the benchmark's
    maximum. On the same side of 0 they agree (blue); a tie is grey, disagreement black."""


def _plan(study: Study) -> Iterator[PlannedFigure]:
    section = with_runs(study) if getattr(study, "benchmarks", None) else None
    for name, pair in section.agreement.items() if section else ():
        one, two = map(section.label, pair.students)
        options = {
            "agreement": name,
            "maxima": {section.label(key): task.maximum for key, task in section.tasks.items()},
            "difference": f"{one} minus {two}",
        }
        page = Page(f"Agreement of students and teachers: {name}", options)
        yield PlannedFigure(f"{KIND}-{name}", [page])


@figure(kind=KIND, needs=(AGREEMENT,), section="benchmarks", caption=_CAPTION, plan=_plan)
def agreement_rows(
    rows: pl.DataFrame,
    stem: Path,
    *,
    agreement: str,
    maxima: dict[str, float],
    difference: str,
    look: Look,
) -> list[Path]:
    """Two points per benchmark.

    Args:
        rows: statistics `benchmark-agreement`.
        agreement: key of the pair.
        maxima: highest score, by label of the benchmark.
        difference: what the differences are of.
    """
    settings = look.settings
    own = rows.filter(agreement=agreement).to_dicts()
    names = [row["benchmark"] for row in own]
    with looks(settings):
        if not own:
            return panel_drawing.nothing("No benchmark has all four scores.", stem, settings)
        page = new_figure(settings.width, row_height(names, 2.0, settings))
        axis = page.subplots()
        axis.axvline(0, color=INK, linewidth=0.8)
        for place, row in enumerate(own):
            colour = {True: BLUE, False: BLACK, None: GREY}[row["agree"]]
            ends = [row[key] / maxima[row["benchmark"]] for key in ("students", "teachers")]
            axis.plot(ends, [place, place], color=FAINT, zorder=1)
            axis.plot(ends[:1], [place], "o", color=colour)
            axis.plot(ends[1:], [place], "o", color=colour, markerfacecolor="white")
        panel_drawing.name_rows(axis, names, first=True)
        axis.set_xlabel(f"{difference}, as a share of the maximum")
        axis.grid(axis="x")
        return save_figure(page, stem, settings)
