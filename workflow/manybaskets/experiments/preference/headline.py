"""Self-preference on the first screen of the report: one cell per judge, by its verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from manybaskets.experiments.preference.schemas import CORRECTED
from manybaskets.experiments.preference.verdicts import (
    BY_BOTH,
    BY_LENGTH,
    BY_QUALITY,
    NO_GOLD,
    NO_PREFERENCE,
    NONE,
    NOT_INTERPRETABLE,
    NOT_SEPARABLE,
    OTHERS,
    SELF,
)
from manybaskets.presentation.formatting import NOTHING, rounded_alike
from manybaskets.presentation.verdict_table import (
    CANNOT,
    DECIDED,
    UNDECIDED,
    HeadlineOutcome,
    State,
    VerdictCell,
)

# What a verdict says of a bias for one's own text: its way, or none.
_DECIDED = {SELF: 1, OTHERS: -1, NONE: 0, BY_LENGTH: 0, BY_QUALITY: 0, BY_BOTH: 0}
# What only another design could tell: an independent judge, or one that can judge.
_NEEDS_ANOTHER_DESIGN = {NO_GOLD, NO_PREFERENCE, NOT_SEPARABLE, NOT_INTERPRETABLE}


def self_preference_headline(judged: pl.DataFrame) -> list[HeadlineOutcome]:
    """The verdicts on all judges, in pairs if they were asked in pairs.

    Numbers are the bias at equal quality and length, or the raw one if no independent judge read
    the texts.

    Args:
        judged: of the schema `analysis.JUDGED`.
    """
    rows = judged.filter(pl.col("variant") == CORRECTED)
    rows = rows.filter(pl.col("protocol") == rows["protocol"].first())
    rows = rows.unique(["target", "mix"], keep="first", maintain_order=True)
    if rows.is_empty():
        return []
    at_equal = rows["change"].is_not_null().any()
    names = ("change", "change_low", "change_high") if at_equal else ("spb", "low", "high")
    cells = {
        (row["target"], row["mix"]): _cell(row, [row[name] for name in names])
        for row in rows.iter_rows(named=True)
    }
    unit = f"difference, {rows['unit'].first()}"
    compared = "other authors at equal quality and length" if at_equal else "other authors"
    return [
        HeadlineOutcome("Preference for own text", compared, unit, -1, "self-preference", cells)
    ]


def _cell(row: Mapping[str, Any], numbers: list[float | None]) -> VerdictCell:
    kind = row["verdict"].partition(": ")[0]
    state: State = UNDECIDED
    if row["verdict"] in _NEEDS_ANOTHER_DESIGN or kind in _NEEDS_ANOTHER_DESIGN:
        state = CANNOT
    way = _DECIDED.get(row["verdict"])
    if way is not None:
        state = DECIDED
    elif numbers[0] is not None:
        way = int(numbers[0] > 0) - int(numbers[0] < 0)
    value, low, high = rounded_alike(numbers)
    interval = "" if NOTHING in (low, high) else f"{low} to {high}"
    return VerdictCell(state, way or 0, value, interval, row["verdict"])
