"""Several sources against one: blends beside the mean of their singles, the best single, and the own."""

from __future__ import annotations

from collections.abc import Iterator

from manybaskets.config.blends import comparable_blends, declared_measures
from manybaskets.config.study import Study
from manybaskets.presentation.figures import intervals, panel_grid
from manybaskets.presentation.figures.registry import PlannedFigure, figure
from manybaskets.report.figures.measured_panels import measured_panels, paged

_BLENDS = """
    Every mix of several sources minus the mean of its own singles, minus its best single, and minus the
    mix of the target's own answers, on the same prompts, with intervals; the vertical line marks no
    difference. The measures are those of the declared comparisons. Perplexities are compared as ratios
    on a logarithmic axis. A filled marker has an interval that excludes equality and a p-value below
    0.05 after Holm's correction over all blends, targets and measures of that kind of comparison; a
    mix that was trained once is not tested. An arrow points to the more diverse or better side. The
    mixes that `source_counts` adds are in the table only."""


def _plan(study: Study) -> Iterator[PlannedFigure]:
    added = study.added_mixes()
    mixes = [name for name in comparable_blends(study) if name not in added]
    if not mixes:
        return
    declared = declared_measures(study)
    panels = [(measure, prompt_set) for prompt_set, names in declared.items() for measure in names]
    panels = panels or measured_panels(study, ["test"])
    names = [intervals.row_of(mix, kind) for mix in mixes for kind in intervals.BLEND_KINDS]
    rows = panel_grid.row_names(names, study.targets)
    pages = paged(study, "Several sources against one", panels, rows, mixes=mixes)
    yield PlannedFigure("multi-against-singles", pages)


figure(kind="multi-against-singles", needs=("blends",), caption=_BLENDS, plan=_plan)(
    intervals.draw_blends
)
