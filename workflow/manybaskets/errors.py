"""Errors that a user can act upon."""

from __future__ import annotations


class UserError(Exception):
    """Something in the input, the config or the machine that its owner can mend.

    Args:
        what: what is wrong, with the value found.
        where: file, row, config key.
        expected: what would have been right.
        remedy: what to do now.
    """

    def __init__(self, what: str, where: str, expected: str, remedy: str) -> None:
        self.what, self.where, self.expected, self.remedy = what, where, expected, remedy
        super().__init__(what, where, expected, remedy)

    def __str__(self) -> str:
        return f"{self.what}\n  where:    {self.where}\n  expected: {self.expected}\n  to do:    {self.remedy}"


class PassingError(UserError):
    """A UserError that may be gone by itself at another try: a network, a lock, a busy machine."""
