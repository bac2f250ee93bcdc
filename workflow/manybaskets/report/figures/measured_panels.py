"""Which measures the small multiples of a study show, and on which pages they fit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from manybaskets.config.study import Study
from manybaskets.measures import get
from manybaskets.measures.selection import measured_names
from manybaskets.names import TEST, TRAIN, VANILLA
from manybaskets.presentation.figures import panel_grid
from manybaskets.presentation.figures.registry import Page, numbered

Panel = tuple[str, str]  # measure and prompt set
STYLE, FIT, HABIT = "style_", "heaps_fit_ok", "habit_"
_SHARE = "share"


def measured_panels(study: Study, prompt_sets: Iterable[str]) -> list[Panel]:
    """What is measured on these sets and not shown by a figure of its own, in config order."""
    sets = list(prompt_sets)
    names = {name: measured_names(study, name) for name in sets}
    every = dict.fromkeys(name for listed in names.values() for name in listed)
    return [
        (measure, prompt_set)
        for measure in every
        for prompt_set in sets
        if measure in names[prompt_set]
        and get(measure).applies_to(prompt_set)
        and not _shown_elsewhere(measure, prompt_set)
    ]


def with_spread(panels: Iterable[Panel]) -> list[Panel]:
    """Those whose quantiles are worth drawing: one value per answer, other than yes or no."""
    return [
        panel
        for panel in panels
        if get(panel[0]).level == "prompt" and get(panel[0]).unit != _SHARE
    ]


def is_habit(measure: str) -> bool:
    """Whether it is the share of answers with one habit; the number of habits is not."""
    return measure.startswith(HABIT) and measure != "habit_count"


def paged(
    study: Study, title: str, panels: Sequence[Panel], rows: Sequence[str], **options: Any
) -> list[Page]:
    """Pages of small multiples.

    Args:
        rows: names of the rows of every panel.
        options: what every page shows besides its panels.
    """
    titles = panel_grid.titles(panels, get)
    arrangement = panel_grid.arrange(titles, rows, study.figures)
    listed = [list(panel) for panel in panels]
    chunks = panel_grid.pages(listed, arrangement.per_page, arrangement.columns)
    return numbered(title, [{**options, "panels": chunk} for chunk in chunks])


def rows_of_runs(study: Study) -> list[str]:
    """Row names of panels that show all conditions."""
    return panel_grid.row_names([VANILLA, *study.mixes], study.targets)


def rows_of_sources(study: Study) -> list[str]:
    """Row names of panels that show the sources."""
    return panel_grid.row_names(study.analysed_sources(), [])


def _shown_elsewhere(measure: str, prompt_set: str) -> bool:
    """Whether the figure of style, of habits or of growth (does it fit) shows the measure."""
    if measure.startswith((STYLE, FIT)):
        return prompt_set in (TEST, TRAIN)
    return is_habit(measure) and prompt_set == TEST
