"""Every condition with its interval, and the paired differences of every family."""

from __future__ import annotations

from collections.abc import Iterator

from manybaskets.config.study import Study
from manybaskets.names import TRAIN
from manybaskets.presentation.figures import intervals, panel_grid
from manybaskets.presentation.figures.registry import PlannedFigure, figure
from manybaskets.report.figures.measured_panels import (
    measured_panels,
    paged,
    rows_of_runs,
    rows_of_sources,
)

_DIFFERENCES = """
    Paired differences from the baseline on the same prompts, with their intervals; the vertical line
    marks no difference. Perplexities are compared as ratios on a logarithmic axis. A filled marker
    has a p-value below 0.05 after Holm's correction over the whole family; the intervals are not
    corrected. An arrow points to the more diverse or better side. Several targets are shown one below
    the other on the same axis."""
_CONDITIONS = """
    Every condition with its interval, one panel per measure. `vanilla` is the target before
    fine-tuning; the others are named after the mix that the target was fine-tuned on or, in figures
    of the sources, after who answered the training prompts. Points are means over prompts and
    training seeds, or values of the whole set of answers. An arrow next to the unit points to the more
    diverse or better side. The axes start where the data do; compare conditions within a panel.
    Overlapping intervals are not a test: the differences are paired and sharper."""


def _plan_differences(study: Study) -> Iterator[PlannedFigure]:
    for name, family in study.comparisons.items():
        of_sources = family.prompt_set == TRAIN
        if of_sources and not study.source_analysis:
            continue
        panels = [(measure, family.prompt_set) for measure in family.measures]
        rows = panel_grid.row_names(family.conditions, [] if of_sources else study.targets)
        yield PlannedFigure(
            f"differences-{name}",
            paged(study, f"Differences: {name}", panels, rows, family=name),
            section="sources" if of_sources else "runs",
        )


def _plan_conditions(study: Study) -> Iterator[PlannedFigure]:
    if study.targets:
        panels = measured_panels(study, study.all_prompt_sets())
        pages = paged(study, "All conditions", panels, rows_of_runs(study))
        yield PlannedFigure("conditions", pages)
    if study.source_analysis:
        panels = measured_panels(study, [TRAIN])
        pages = paged(study, "The sources themselves", panels, rows_of_sources(study))
        yield PlannedFigure("conditions-sources", pages, section="sources")


figure(
    kind="differences", needs=("comparisons",), caption=_DIFFERENCES, plan=_plan_differences
)(intervals.draw_differences)  # fmt: skip
figure(
    kind="conditions", needs=("summary",), caption=_CONDITIONS, plan=_plan_conditions
)(intervals.draw_conditions)  # fmt: skip
