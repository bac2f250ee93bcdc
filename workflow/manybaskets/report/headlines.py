"""The verdict table of a study: every declared family's first question, blends, and experiments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from manybaskets.config.study import Study
from manybaskets.names import TEST, TRAIN, VANILLA
from manybaskets.presentation.formatting import Lookup, measure_lookup
from manybaskets.presentation.verdict_table import (
    HeadlineOutcome,
    VerdictCell,
    VerdictTable,
    cell_of,
)
from manybaskets.records import measured
from manybaskets.report.report_sections import RUNS, SOURCES
from manybaskets.statistics.blends import MEAN_OF_SINGLES

_MOST = 8  # columns of the first screen
_BETTER = {"higher": 1, "lower": -1, "none": 0}


def verdict_table(
    study: Study,
    compared: pl.DataFrame,
    blends: pl.DataFrame,
    of_experiments: Sequence[Sequence[HeadlineOutcome]] = (),
    lookup: Lookup | None = None,
) -> VerdictTable:
    """The first measure of every declared family, blends on the first of these, and experiments.

    That is a family's first primary measure if it has one. The config named it before there were
    results, so that the headline is not chosen by them. Where there are more than eight columns,
    families, blends and experiments give up their last ones in turn.

    Args:
        compared: as `comparison_rows` gives it.
        blends: as `blend_rows` gives it.
        of_experiments: their headlines, one list per experiment.
    """
    find = measure_lookup(lookup)
    groups = [[*_of_families(study, compared, find)], [*_of_blends(study, blends, find)]]
    outcomes = _first_of_each([*groups, *of_experiments])
    # Mixes that `source_counts` adds have a table and figures of their own.
    mixes = [name for name in study.mixes if name not in study.added_mixes()]
    conditions = [(target, mix) for target in study.targets for mix in (VANILLA, *mixes)]
    if not study.targets:
        conditions = [(measured.SOURCES, source) for source in study.sources]
    return VerdictTable.of(outcomes, conditions)


def _first_of_each(groups: Sequence[Sequence[HeadlineOutcome]]) -> list[HeadlineOutcome]:
    """At most eight in the given order: all groups' first, then their second, and so on."""
    places = [
        (rank, group) for group, outcomes in enumerate(groups) for rank in range(len(outcomes))
    ]
    kept = sorted(places)[:_MOST]
    return [groups[group][rank] for rank, group in sorted(kept, key=lambda place: place[::-1])]


def _of_families(study: Study, compared: pl.DataFrame, find: Lookup) -> Iterator[HeadlineOutcome]:
    for name, family in study.comparisons.items():
        if study.targets and family.prompt_set == TRAIN:
            continue  # the rows of the table are runs
        measure = (family.primary or family.measures)[0]
        rows = compared.filter(pl.col("family") == name, pl.col("measure") == measure)
        if rows.height:
            section = SOURCES if family.prompt_set == TRAIN else RUNS
            yield HeadlineOutcome(
                title=find(measure).label + _on(family.prompt_set),
                against=family.baseline,
                scale=_scale(rows.row(0, named=True)),
                better=_BETTER[find(measure).direction],
                anchor=section,
                cells=_cells(rows),
            )


def _of_blends(study: Study, blends: pl.DataFrame, find: Lookup) -> Iterator[HeadlineOutcome]:
    tested = blends.filter(
        pl.col("against") == MEAN_OF_SINGLES, ~pl.col("mix").is_in(list(study.added_mixes()))
    )
    if tested.height:
        measure = tested["measure"][0]
        rows = tested.filter(pl.col("measure") == measure)
        yield HeadlineOutcome(
            title=f"Several sources: {find(measure).label.lower()}",
            against="the mean of their own singles",
            scale=_scale(rows.row(0, named=True)),
            better=_BETTER[find(measure).direction],
            anchor=RUNS,
            cells=_cells(rows),
        )


def _on(prompt_set: str) -> str:
    return "" if prompt_set in (TEST, TRAIN) else f" on `{prompt_set}`"


def _scale(row: Mapping[str, Any]) -> str:
    return "ratio; 1 is equal" if row["scale"] == "ratio" else f"difference, {row['unit']}"


def _cells(rows: pl.DataFrame) -> dict[tuple[str, str], VerdictCell]:
    return {
        (row["model"], row["mix"]): cell_of(row, equal=1.0 if row["scale"] == "ratio" else 0.0)
        for row in rows.iter_rows(named=True)
    }
