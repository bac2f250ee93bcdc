"""Errors that a user can act upon."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

# Terminals obey them, or they cannot be encoded: control characters but tab and line end, marks that
# reorder text, halves of surrogate pairs.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """Text for a terminal or a log: characters that steer a terminal are written as escapes."""
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class UserError(Exception):
    """A problem with the input, the config or the machine that the user can fix.

    Args:
        what: what is wrong, with the value found.
        where: file, row, config key.
        expected: what would be right.
        remedy: what to do now.
    """

    def __init__(self, what: str, where: str, expected: str, remedy: str) -> None:
        self.what, self.where, self.expected, self.remedy = what, where, expected, remedy
        super().__init__(what, where, expected, remedy)

    def __str__(self) -> str:
        return printable(
            f"{self.what}\n  where:    {self.where}\n  expected: {self.expected}\n"
            f"  to do:    {self.remedy}"
        )


class PassingError(UserError):
    """A UserError that a retry may resolve: a network failure, a held lock, a busy machine."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'figures'?` for a name that is close to a known one, otherwise nothing."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.7)
    return f"; did you mean '{close[0]}'?" if close else ""


def unknown_target(
    target: str, gathering: Sequence[str], rules: Sequence[str], files: Iterable[str]
) -> UserError:
    """The error for a target that no rule has or makes.

    Args:
        gathering: rules that only gather files, such as `figures`.
        rules: all rules.
        files: results that users ask for.
    """
    meant = did_you_mean(target, [*gathering, *rules, *files])
    return UserError(
        what=f"there is no target '{target}'{meant}",
        where="the command line",
        expected=f"one of {', '.join(gathering)}; or a rule, or a file of the results",
        remedy="correct the name; `snakemake --list-rules` shows all rules",
    )
