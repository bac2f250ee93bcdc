"""Sets of rows on which a measure is evaluated together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

_CELLS_AT_ONCE = 8_000_000


def distinct(values: np.ndarray) -> np.ndarray:
    """Sorted distinct integers, by sorting: NumPy's hashing takes 30 times as long here."""
    values = np.sort(values)
    return values[np.concatenate(([True], values[1:] != values[:-1]))] if len(values) else values


class Subsets:
    """Sets of rows; as a matrix of members, sums over them are products of matrices.

    Args:
        indices: the rows of each set, each once; the first set gives the reported value, the others
            are its half-samples.
        rows: how many rows there are.
        whole: the sets of which these are parts, if any.
    """

    def __init__(
        self, indices: Sequence[np.ndarray], rows: int, whole: Subsets | None = None
    ) -> None:
        self.indices = [np.asarray(index, dtype=np.int64) for index in indices]
        self.rows = rows
        self._whole = whole
        self._first: dict[int, Subsets] = {}

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def whole(self) -> Subsets:
        """The sets of which these are parts, or these sets if they are whole."""
        return self if self._whole is None else self._whole

    @cached_property
    def members(self) -> np.ndarray:
        """1 if a row (first axis) is in a set (second axis), otherwise 0."""
        members = np.zeros((self.rows, len(self)), dtype=np.float32)
        for place, index in enumerate(self.indices):
            members[index, place] = 1.0
        return members

    def first(self, count: int) -> Subsets:
        """Only the first sets."""
        if count >= len(self):
            return self
        whole = None if self._whole is None else self._whole.first(count)
        return self._first.setdefault(count, Subsets(self.indices[:count], self.rows, whole))

    def blocks(self, height: int) -> Iterator[slice]:
        """Slices of sets, so that a table of `height` rows by one slice stays small."""
        width = max(1, _CELLS_AT_ONCE // max(height, 1))
        for start in range(0, len(self), width):
            yield slice(start, min(start + width, len(self)))


@dataclass(frozen=True)
class Evaluation:
    """A set-level measure ready for evaluation: `many` on several sets at once, a call on one.

    Args:
        many: values on the sets, NaN if undefined.
        counted: mask of rows that count; the others are left out.
        left_out: if there is a closed form: from rows, the group of each (0, 1, …, ascending) and
            the number of groups, the values on all rows except one group, for every group.
        without_groups: values on all rows (the first set) and without groups of prompts, if they are
            not simply `many`; only the spread of those without groups is used.
    """

    many: Callable[[Subsets], np.ndarray]
    counted: np.ndarray
    left_out: Callable[[np.ndarray, np.ndarray, int], np.ndarray] | None = None
    without_groups: Callable[[Subsets], np.ndarray] | None = None

    def __call__(self, index: np.ndarray) -> float:
        return float(self.many(Subsets([index], len(self.counted)))[0])


class Incidence:
    """Incidence of items (n-grams, …) in rows.

    Items in only one row are just counted; the matrix contains the others.

    Args:
        row, thing: numbers of the pairs, each pair once.
        rows: how many rows there are.
    """

    def __init__(self, row: np.ndarray, thing: np.ndarray, rows: int) -> None:
        from scipy.sparse import csr_array

        holders = np.bincount(thing)
        several = holders >= 2
        self.number = np.where(several, np.cumsum(several) - 1, -1)  # -1: in one row only
        kept = several[thing] if len(thing) else np.zeros(0, dtype=bool)
        self.single = np.bincount(row[~kept], minlength=rows).astype(np.float32)
        self.things = int(several.sum())
        ones = np.ones(int(kept.sum()), dtype=np.float32)
        place = (self.number[thing[kept]], row[kept])
        self.matrix = csr_array((ones, place), shape=(self.things, rows))

    def holders(self, subsets: Subsets, block: slice) -> np.ndarray:
        """Number of rows of each set that contain each item shared by several rows."""
        return self.matrix @ np.ascontiguousarray(subsets.members[:, block])

    def distinct(self, subsets: Subsets) -> np.ndarray:
        """Number of items that occur in any row of each set."""
        shared = [
            np.count_nonzero(self.holders(subsets, block), axis=0)
            for block in subsets.blocks(self.things)
        ]
        return self.single.astype(np.float64) @ subsets.members + np.concatenate(shared)
