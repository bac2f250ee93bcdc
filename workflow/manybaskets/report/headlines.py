"""The headline outcomes of a study's answers: the first question of every declared family, and blends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from manybaskets.config.study import Study
from manybaskets.names import TEST, TRAIN
from manybaskets.presentation.formatting import Lookup, measure_lookup
from manybaskets.presentation.verdict_table import HeadlineOutcome, VerdictCell, cell_of
from manybaskets.report.report_sections import RUNS, SOURCES
from manybaskets.statistics.blends import MEAN_OF_SINGLES

MOST = 8  # columns of the first screen
_BETTER = {"higher": 1, "lower": -1, "none": 0}


def headline_outcomes(
    study: Study, compared: pl.DataFrame, blends: pl.DataFrame, lookup: Lookup | None = None
) -> list[HeadlineOutcome]:
    """The outcomes of declared comparisons: each family's first measure, and blends on the first of these.

    That is its first primary measure if it has one. The config named it before there were results,
    so that the headline is not chosen by them.

    Args:
        compared: as `comparison_rows` gives it.
        blends: as `blend_rows` gives it.
    """
    find = measure_lookup(lookup)
    return [*_of_families(study, compared, find), *_of_blends(blends, find)]


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


def _of_blends(blends: pl.DataFrame, find: Lookup) -> Iterator[HeadlineOutcome]:
    tested = blends.filter(pl.col("against") == MEAN_OF_SINGLES)
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
