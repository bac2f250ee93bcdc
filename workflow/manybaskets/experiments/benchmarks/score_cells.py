"""Scores in the cells of CSV files."""

from __future__ import annotations

from manybaskets.errors import UserError

_MISSING = {"", "na", "n/a", "nan", "-"}


def score_in(text: str | None, where: str) -> float | None:
    """The number in a cell; None for a missing score.

    Args:
        where: file, line and column for messages.

    Raises:
        UserError: the cell holds something else.
    """
    if text is None or text.strip().lower() in _MISSING:
        return None
    try:
        return float(text)
    except ValueError:
        raise UserError(
            what=f"'{text:.40}' is not a number",
            where=where,
            expected="a number, or an empty cell for a missing score",
            remedy="correct the cell",
        ) from None
