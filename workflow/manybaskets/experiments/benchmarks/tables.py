"""Tables on benchmarks for readers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import polars as pl

from manybaskets.config.study import Study
from manybaskets.experiments.benchmarks import analysis
from manybaskets.experiments.benchmarks.own_runs import with_runs
from manybaskets.presentation.tables import MEMBER, as_it_is, table


def _having(statistics: str) -> Callable[[Study], bool]:
    def has(study: Study) -> bool:
        has_section = getattr(study, "benchmarks", None) is not None
        return has_section and statistics in analysis.statistics_of(with_runs(study))

    return has


def _selections(study: Study) -> list[str]:
    return list(with_runs(study).selections) if _having(analysis.SELECTIONS)(study) else []


_table = partial(table, section="benchmarks")


def _shown_as_it_is(statistics: str, title: str, caption: str) -> None:
    """Register a table that shows statistics of its own name, where a study has them."""
    _table(
        name=statistics, title=title, caption=caption, needs=(statistics,), when=_having(statistics)
    )(as_it_is)


@_table(
    name=f"benchmark-selection-{MEMBER}",
    title=f"Benchmarks: {MEMBER}",
    caption="Scores on each benchmark's own scale, and averages of scores divided by their maximum. "
    "All scores of a table are of one result set, and those of a benchmark were measured with the "
    "same settings. The table of scores has standard errors and intervals.",
    needs=(analysis.SELECTIONS,),
    members=_selections,
)
def selection(frame: pl.DataFrame, context: Any, member: str) -> pl.DataFrame:
    """A column per benchmark and average, a row per model."""
    own = frame.filter(selection=member)
    return own.pivot("benchmark", index="model", values="score", maintain_order=True).rename(
        {"model": "tuned model"}
    )


_shown_as_it_is(
    analysis.SCORES,
    "Scores on benchmarks",
    "Every score with its standard error and interval. With item scores: Wilson's interval for "
    "items that pass or fail, else a bootstrap interval over items. Without: a normal interval from the "
    "standard error that the results have, or that follows from the number of items.",
)
_shown_as_it_is(
    analysis.AVERAGES,
    "Averages over benchmarks",
    "Mean of the scores divided by their maximum, over exactly the benchmarks of the average. "
    "A model that lacks one has no average. The standard error treats benchmarks as independent.",
)
_shown_as_it_is(
    analysis.DIFFERENCES,
    "Differences between models on benchmarks",
    "Score minus that of the baseline: paired by item where both models' items are known, else "
    "with both standard errors. Holm's correction covers a selection.",
)
_shown_as_it_is(
    analysis.AGREEMENT,
    "Students and teachers, by benchmark",
    "Difference of two tuned models (students) and of the two models that wrote their training "
    "data (teachers). They agree if both differences have the same sign; with a tie, neither.",
)
_shown_as_it_is(
    analysis.RATES,
    "Agreement of students and teachers",
    "Share of benchmarks that agree, with its exact binomial interval (Clopper–Pearson). Chance "
    "is one half.",
)
_shown_as_it_is(
    analysis.PREFERENCES,
    "Preference rates from item scores",
    "Share of items on which the model has a higher score than the baseline, in %, with its exact "
    "interval; ties count for neither, and unpaired items, which only one of them has, are left out. "
    "Flips: items on which the model's teacher scores higher than the baseline, and the baseline higher "
    "than the model.",
)
_shown_as_it_is(
    analysis.GRID,
    "Base models and sources",
    "Averages by base model and source of the training data.",
)
_shown_as_it_is(
    analysis.FAMILIES,
    "Sources of the base model's family",
    "Mean average over sources of the base model's family, over other sources, and their "
    "difference.",
)
_shown_as_it_is(
    analysis.SCALING,
    "Scores by number of training rows",
    "Every point of the scaling curves.",
)
_shown_as_it_is(
    analysis.TRENDS,
    "Trends over the number of training rows",
    "Change of the score per doubling of the rows: least-squares slope over log2 of the rows, "
    "with Student's interval from the residuals (three numbers of rows or more).",
)
_shown_as_it_is(
    analysis.BLENDS,
    "Blends and their components",
    "Average of a model tuned on a blend of sources, of models tuned on one of them (mean, and "
    "the best), and the blend minus the mean.",
)
_shown_as_it_is(
    analysis.PUBLISHED,
    "Published scores, reported and recomputed",
    "A number holds if the recomputed one equals it to the reported digits. `score` is what the "
    "column is by the study's definition; `equals` names another average that the reported number "
    "equals. Columns that end in `_ci95` are half-widths of 95 % intervals.",
)
_shown_as_it_is(
    analysis.ORDERS,
    "Published orders, recomputed",
    "Pairs of rows with different reported numbers, and how many of them have the opposite order "
    "when recomputed.",
)
_shown_as_it_is(
    analysis.SETTINGS,
    "How benchmarks were measured",
    "Settings by result set and benchmark; only scores with equal settings are compared. Empty: "
    "unknown.",
)
