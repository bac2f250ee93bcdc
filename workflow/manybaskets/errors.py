"""Errors that a user can act upon."""

from __future__ import annotations

import re

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
