"""Sign-flip permutation tests of paired differences, many at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from manybaskets.records.ids import row_seed
from manybaskets.statistics.bootstrap import Mean, seed_shift

_PATTERNS_AT_ONCE = 1000
_ROUNDING = 1e-12


def sign_flip_p(differences: Sequence[Mean], permutations: int, seed: int) -> list[float]:
    """Two-sided p of the hypothesis that a mean of paired differences is 0.

    p = (1 + count) / (1 + permutations); `count` is the number of random patterns whose absolute
    mean reaches the observed one. A pattern flips the sign of all differences of a cluster
    together. With several seeds, every pattern is shifted by other trainings
    (`bootstrap.seed_shift`), so that the test, like the interval, generalises beyond these
    trainings. Source: Phipson & Smyth 2010 for the +1.

    Tests on the same number of clusters share their patterns.
    """
    p = [1.0] * len(differences)
    for size in sorted({len(each.sums) for each in differences} - {0}):
        places = [place for place, each in enumerate(differences) if len(each.sums) == size]
        table = np.stack(
            [differences[place].sums / differences[place].sizes.sum() for place in places], axis=1
        )
        shifts = [seed_shift(differences[place], permutations, seed) for place in places]
        # Sums that differ only by rounding must count as equal.
        observed = np.abs(table.sum(axis=0)) - _ROUNDING * np.abs(table).sum(axis=0)
        rng = np.random.default_rng(row_seed(seed, "signs", size))
        count = np.zeros(len(places), dtype=np.int64)
        for start in range(0, permutations, _PATTERNS_AT_ONCE):
            patterns = min(_PATTERNS_AT_ONCE, permutations - start)
            signs = rng.integers(0, 2, size=(patterns, size), dtype=np.int8) * 2.0 - 1.0
            turned = signs @ table
            for column, shift in enumerate(shifts):
                turned[:, column] += shift[start : start + patterns]
            count += (np.abs(turned) >= observed).sum(axis=0)
        for place, reached in zip(places, count, strict=True):
            p[place] = (1 + int(reached)) / (1 + permutations)
    return p
