"""Problems of model folders, each with what was expected and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from manybaskets.errors import UserError


class Problem(NamedTuple):
    """What is wrong with a model folder, what would be right, and what to do."""

    what: str
    expected: str
    remedy: str


def problem_of(error: UserError) -> Problem:
    """The problem that an error reports."""
    return Problem(f"{error.what} ({error.where})", error.expected, error.remedy)


def raise_problems(problems: Sequence[Problem], where: str) -> None:
    """Raise one error with all problems; nothing without any.

    Raises:
        UserError: there is a problem.
    """
    if not problems:
        return
    if len(problems) == 1:
        raise UserError(where=where, **problems[0]._asdict())
    numbered = [
        " ".join(f"({number}) {text}." for number, text in enumerate(texts, start=1))
        for texts in zip(*problems, strict=True)
    ]
    what, expected, remedy = numbered
    raise UserError(
        what=f"the model folder has {len(problems)} problems: {what}",
        where=where,
        expected=expected,
        remedy=remedy,
    )
