"""What is added by name: engines, mix kinds, experiments, tables, figures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

from manybaskets.errors import UserError

T = TypeVar("T")


class Registry(Generic[T]):
    """Things of one sort by name, in the order of their registration.

    Iteration yields the registered values.

    Args:
        kind: what one of them is called in messages, such as `engine`.
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
            where: what uses the name, such as a config key.

        Raises:
            UserError: no value has this name; lists those that exist.
        """
        if name not in self._values:
            raise UserError(
                what=f"there is no {self.kind} '{name}'",
                where=where,
                expected="one of " + (", ".join(self._values) or "none: nothing is registered"),
                remedy="correct the name, or list the file that registers it under `extensions`",
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
