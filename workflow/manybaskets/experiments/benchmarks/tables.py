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


_table(
    name=analysis.SCORES,
    title="Scores on benchmarks",
    caption="Every score with its standard error and interval. With item scores: Wilson's interval for "
    "items that pass or fail, else a bootstrap interval over items. Without: a normal interval from the "
    "standard error that the results have, or that follows from the number of items.",
    needs=(analysis.SCORES,),
    when=_having(analysis.SCORES),
)(as_it_is)
_table(
    name=analysis.AVERAGES,
    title="Averages over benchmarks",
    caption="Mean of the scores divided by their maximum, over exactly the benchmarks of the average. "
    "A model that lacks one has no average. The standard error treats benchmarks as independent.",
    needs=(analysis.AVERAGES,),
    when=_having(analysis.AVERAGES),
)(as_it_is)
_table(
    name=analysis.DIFFERENCES,
    title="Differences between models on benchmarks",
    caption="Score minus that of the baseline: paired by item where both models' items are known, else "
    "with both standard errors. Holm's correction covers a selection.",
    needs=(analysis.DIFFERENCES,),
    when=_having(analysis.DIFFERENCES),
)(as_it_is)
_table(
    name=analysis.AGREEMENT,
    title="Students and teachers, by benchmark",
    caption="Difference of two tuned models (students) and of the two models that wrote their training "
    "data (teachers). They agree if both differences have the same sign; with a tie, neither.",
    needs=(analysis.AGREEMENT,),
    when=_having(analysis.AGREEMENT),
)(as_it_is)
_table(
    name=analysis.RATES,
    title="Agreement of students and teachers",
    caption="Share of benchmarks that agree, with its exact binomial interval (Clopper–Pearson). Chance "
    "is one half.",
    needs=(analysis.RATES,),
    when=_having(analysis.RATES),
)(as_it_is)
_table(
    name=analysis.PREFERENCES,
    title="Preference rates from item scores",
    caption="Share of items on which the model has a higher score than the baseline, in %, with its exact "
    "interval; ties count for neither. Flips: items on which the model's teacher scores higher than the "
    "baseline, and the baseline higher than the model.",
    needs=(analysis.PREFERENCES,),
    when=_having(analysis.PREFERENCES),
)(as_it_is)
_table(
    name=analysis.GRID,
    title="Base models and sources",
    caption="Averages by base model and source of the training data.",
    needs=(analysis.GRID,),
    when=_having(analysis.GRID),
)(as_it_is)
_table(
    name=analysis.FAMILIES,
    title="Sources of the base model's family",
    caption="Mean average over sources of the base model's family, over other sources, and their "
    "difference.",
    needs=(analysis.FAMILIES,),
    when=_having(analysis.FAMILIES),
)(as_it_is)
_table(
    name=analysis.SCALING,
    title="Scores by number of training rows",
    caption="Every point of the scaling curves.",
    needs=(analysis.SCALING,),
    when=_having(analysis.SCALING),
)(as_it_is)
_table(
    name=analysis.TRENDS,
    title="Trends over the number of training rows",
    caption="Change of the score per doubling of the rows: least-squares slope over log2 of the rows, "
    "with Student's interval from the residuals (three numbers of rows or more).",
    needs=(analysis.TRENDS,),
    when=_having(analysis.TRENDS),
)(as_it_is)
_table(
    name=analysis.BLENDS,
    title="Blends and their components",
    caption="Average of a model tuned on a blend of sources, of models tuned on one of them (mean, and "
    "the best), and the blend minus the mean.",
    needs=(analysis.BLENDS,),
    when=_having(analysis.BLENDS),
)(as_it_is)
_table(
    name=analysis.PUBLISHED,
    title="Published scores, reported and recomputed",
    caption="A number holds if the recomputed one equals it to the reported digits. `score` is what the "
    "column is by the study's definition; `equals` names another average that the reported number "
    "equals. Columns that end in `_ci95` are half-widths of 95 % intervals.",
    needs=(analysis.PUBLISHED,),
    when=_having(analysis.PUBLISHED),
)(as_it_is)
_table(
    name=analysis.ORDERS,
    title="Published orders, recomputed",
    caption="Pairs of rows with different reported numbers, and how many of them have the opposite order "
    "when recomputed.",
    needs=(analysis.ORDERS,),
    when=_having(analysis.ORDERS),
)(as_it_is)
_table(
    name=analysis.SETTINGS,
    title="How benchmarks were measured",
    caption="Settings by result set and benchmark; only scores with equal settings are compared. Empty: "
    "unknown.",
    needs=(analysis.SETTINGS,),
    when=_having(analysis.SETTINGS),
)(as_it_is)
