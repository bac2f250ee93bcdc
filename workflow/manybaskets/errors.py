"""Errors that a user can act upon."""

from __future__ import annotations


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
        return f"{self.what}\n  where:    {self.where}\n  expected: {self.expected}\n  to do:    {self.remedy}"


class PassingError(UserError):
    """A UserError that a retry may resolve: a network failure, a held lock, a busy machine."""
