"""What an interval and a corrected test say together: the one rule of sentences, tables, markers."""

from __future__ import annotations

from typing import Literal

import polars as pl

ALPHA = 0.05  # of adjusted p

Verdict = Literal["different", "interval only", "test only", "not distinguished", "no interval"]
DIFFERENT: Verdict = "different"
INTERVAL_ONLY: Verdict = "interval only"
TEST_ONLY: Verdict = "test only"
NOT_DISTINGUISHED: Verdict = "not distinguished"
NO_INTERVAL: Verdict = "no interval"


def verdict(
    low: float | None, high: float | None, p: float | None, *, equal: float = 0.0
) -> Verdict:
    """What is known of a difference.

    Args:
        low, high: ends of its interval; None if there is none.
        p: adjusted for the family; None if it was not tested.
        equal: the value of no difference, 1 for ratios.

    Returns:
        `different` if the interval excludes equality and p < 0.05; `interval only` or `test only` if
        just one of the two does, which decides nothing; `not distinguished` if neither does.
    """
    if low is None or high is None:
        return NO_INTERVAL
    excludes = low > equal or high < equal
    significant = p is not None and p < ALPHA
    if excludes:
        return DIFFERENT if significant else INTERVAL_ONLY
    return TEST_ONLY if significant else NOT_DISTINGUISHED


def verdicts(frame: pl.DataFrame, *, equal: float = 0.0) -> pl.Series:
    """The verdict of every row of a frame with the columns `low`, `high` and `p_holm`."""
    rows = frame.select("low", "high", "p_holm").iter_rows()
    return pl.Series("verdict", [verdict(*row, equal=equal) for row in rows], dtype=pl.String)
