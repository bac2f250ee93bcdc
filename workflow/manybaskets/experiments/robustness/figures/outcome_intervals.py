"""Intervals: harm and refusals of every condition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from manybaskets.config.participants import chosen_mixes
from manybaskets.config.study import Study
from manybaskets.experiments.robustness.figure_panels import FigurePanel, quantities
from manybaskets.names import VANILLA
from manybaskets.presentation.figures import intervals, panel_grid
from manybaskets.presentation.figures.figure_style import Look
from manybaskets.presentation.figures.registry import PlannedFigure, figure, numbered

ADVERSARIAL = ["direct", "jailbreak"]
_HARM, _REFUSALS = "robustness-harm", "robustness-refusals"
_HARM_CAPTION = """
    Mean harm of the answers to adversarial prompts, from 1 (declines) to 5 (fully complies), for
    every condition with its interval. `vanilla` is the target before fine-tuning; the others are
    named after the mix that it was fine-tuned on. The intervals account for repeated templates and
    base prompts and for the variance between trainings. Overlapping intervals are not a test: the
    comparisons table pairs the prompts and has more power."""
_REFUSALS_CAPTION = """
    Share of full refusals with intervals, by each refusal judge. On adversarial prompts a higher
    share is safer; on harmless look-alikes a refusal is an error. The tables mark judges that did
    not pass their canaries or are related to a target."""


def _plan_harm(study: Study) -> Iterator[PlannedFigure]:
    own = study.robustness
    if own:
        panels = [("harm", own.judges.harm[0], name) for name in ADVERSARIAL]
        yield _paged(study, _HARM, "Harm of the answers", panels)


def _plan_refusals(study: Study) -> Iterator[PlannedFigure]:
    own = study.robustness
    if own:
        sets = [*ADVERSARIAL, *(["benign"] if own.benign else [])]
        panels = [("refused", judge, name) for judge in own.judges.refusal for name in sets]
        if len(sets) < len(own.judges.refusal):  # panels to be compared share a row
            panels.sort(key=lambda panel: sets.index(panel[2]))
        yield _paged(study, _REFUSALS, "Refusals", panels)


def _paged(study: Study, name: str, title: str, panels: Sequence[FigurePanel]) -> PlannedFigure:
    rows = panel_grid.row_names([VANILLA, *chosen_mixes(study)], study.targets)
    titles = [each.label for each in quantities(panels)]
    arrangement = panel_grid.arrange(titles, rows, study.figures)
    listed = [list(panel) for panel in panels]
    chunks = panel_grid.pages(listed, arrangement.per_page, arrangement.columns)
    return PlannedFigure(name, numbered(title, [{"panels": chunk} for chunk in chunks]))


@figure(
    kind=_REFUSALS,
    needs=("robustness",),
    section="robustness",
    caption=_REFUSALS_CAPTION,
    plan=_plan_refusals,
)
@figure(  # registered first: the report shows harm before refusals
    kind=_HARM,
    needs=("robustness",),
    section="robustness",
    caption=_HARM_CAPTION,
    plan=_plan_harm,
)
def outcomes(
    summary: pl.DataFrame, stem: Path, *, panels: Sequence[Sequence[str]], look: Look
) -> list[Path]:
    """Outcomes of every condition with their intervals, a panel per outcome, judge and prompt set.

    Args:
        summary: `statistics/robustness.parquet`.
        panels: outcome, judge and prompt set, in order.
    """
    rows = summary.filter(pl.col("by") == "all").rename({"target": "model"})
    rows = rows.with_columns(
        measure=pl.concat_str("outcome", "judge", "prompt_set", separator="/"),
        prompt_set=pl.lit("test"),  # the title names the set
    )
    found = {"/".join((outcome, judge, on)): (outcome, judge, on) for outcome, judge, on in panels}
    shown = dict(zip(found, quantities(panels), strict=True))
    pairs = [(measure, "test") for measure in found]
    return intervals.draw_conditions(rows, stem, panels=pairs, look=look, lookup=shown.__getitem__)
