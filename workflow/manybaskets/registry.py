"""Registry for engines, mix kinds, experiments, tables and figures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

from manybaskets.errors import UserError

T = TypeVar("T")


class Registry(Generic[T]):
    """Values of one kind by name, in order of registration.

    Iteration yields the registered values.

    Args:
        kind: name of the kind in messages, such as `engine`.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._values: dict[str, T] = {}

    def add(self, name: str, value: T) -> T:
        """Register a value and return it.

        Raises:
            ValueError: another value has this name.
        """
        if name in self._values:
            raise ValueError(f"the {self.kind} '{name}' is already registered")
        self._values[name] = value
        return value

    def get(self, name: str, where: str = "config") -> T:
        """The value with a name.

        Args:
            where: where the name is used, such as a config key.

        Raises:
            UserError: no value has this name; the error lists existing names.
        """
        if name not in self._values:
            raise UserError(
                what=f"there is no {self.kind} '{name}'",
                where=where,
                expected="one of " + (", ".join(self._values) or "nothing is registered"),
                remedy=f"use one of these names, or add the file that registers '{name}' to "
                "`extensions`",
            )
        return self._values[name]

    def names(self) -> list[str]:
        """All names."""
        return list(self._values)

    def items(self) -> list[tuple[str, T]]:
        """All names with their values."""
        return list(self._values.items())

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[T]:
        return iter(list(self._values.values()))

    def __len__(self) -> int:
        return len(self._values)
