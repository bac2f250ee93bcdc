"""p-values of swap tests, and the variance between the trainings that they compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from manybaskets.records.ids import row_seed
from manybaskets.statistics.bootstrap import Seeds, seeds_together
from manybaskets.statistics.moderation import mean_squares
from manybaskets.statistics.trainings import trainings

_ROUNDING = 1e-9


def swap_p(
    values: np.ndarray,
    first: Sequence[int],
    second: Sequence[int],
    seed: int,
    between: Seeds | None = None,
) -> float | None:
    """Two-sided p of a difference between two conditions, from their pairs of runs.

    The statistic is the difference between the means over the runs of either side. p = (1 + count)
    / (1 + swaps); `count` is the number of swaps whose absolute difference reaches the observed
    one; undefined swaps count. With several trainings, every swap gets a random shift by other
    seeds: t times the root of s₁²/S₁ + s₂²/S₂, minus the contribution of chance in single answers,
    estimated from the swaps. Source: Phipson & Smyth 2010 for the +1.

    Args:
        values: `[pair, side, 1 + swaps]`, the first column as observed.
        first, second: index of the run of either condition in a pair.
        seed: of the draws.
        between: variance of the difference between the sides' observed runs, chance in single
            answers included; that of these runs alone unless given.
    """
    if np.isnan(values[:, :, 0]).any():
        return None
    weight = [1 / (len(set(runs)) * np.bincount(runs)[list(runs)]) for runs in (first, second)]
    difference = weight[0] @ values[:, 0] - weight[1] @ values[:, 1]
    observed, swapped = difference[0], difference[1:]
    shift = _seed_shift(values, between or _of_runs(values, first, second), seed)
    scale = np.abs(values[:, :, 0]).max()
    reached = np.abs(swapped + shift) >= abs(observed) - _ROUNDING * scale
    return (1 + int((reached | np.isnan(swapped)).sum())) / (1 + len(swapped))


def _of_runs(values: np.ndarray, first: Sequence[int], second: Sequence[int]) -> Seeds | None:
    """Variance between the runs of both sides, from these runs alone; None for one run each."""
    return seeds_together(
        [
            Seeds((), float(np.var(observed, ddof=1)) / len(observed), len(observed) - 1)
            for side, runs in enumerate((first, second))
            if len(observed := _observed(values, side, runs)) > 1
        ]
    )


def _observed(values: np.ndarray, side: int, runs: Sequence[int]) -> np.ndarray:
    """Values of the runs of a side, as observed."""
    return np.array([values[list(runs).index(run), side, 0] for run in sorted(set(runs))])


def _seed_shift(values: np.ndarray, between: Seeds | None, seed: int) -> np.ndarray:
    """Shift of the difference by other trainings, once per swap; 0 for one seed."""
    from scipy.stats import t

    swaps, pairs = values.shape[2] - 1, len(values)
    if between is None:
        return np.zeros(swaps)
    each = values[:, 0, 1:] - values[:, 1, 1:]
    each = each[:, ~np.isnan(each).any(axis=0)]
    alone = ((each - each.mean(axis=0)) ** 2).sum(axis=0) / max(pairs * (pairs - 1), 1)
    variance = between.variance - (float(alone.mean()) if alone.size else 0.0)
    if variance <= 0:
        return np.zeros(swaps)
    rng = np.random.default_rng(row_seed(seed, "swapped seeds", swaps))
    quantiles = t.ppf((np.arange(swaps) + 0.5) / swaps, between.degrees)
    return rng.permutation(quantiles) * np.sqrt(variance)


def between_runs(
    tables: Mapping[tuple[str, str, str, str], np.ndarray],
    runs_of: Mapping[tuple[str, str, str], tuple[list[int], list[int]]],
    model: str,
) -> dict[tuple[str, str, str, str], Seeds | None]:
    """Variance between the runs of both sides of every test, moderated over all tested conditions.

    Args:
        tables: `[pair, side, 1 + swaps]` by measure, prompt set, mix and baseline.
        runs_of: the runs in every pair of either side, by prompt set, mix and baseline.
        model: the target; `sources` have no trainings.
    """
    observed: dict[tuple[str, str], dict[str, np.ndarray]] = {}
    for (name, prompt_set, *sides), table in tables.items():
        for side, mix in enumerate(sides):
            values = _observed(table, side, runs_of[prompt_set, sides[0], sides[1]][side])
            if trainings(model, mix, len(values)) is not None and not np.isnan(values).any():
                observed.setdefault((name, prompt_set), {})[mix] = values
    variance: dict[tuple[str, str, str], Seeds] = {}
    for key, by_mix in observed.items():
        pooled = float(sum(len(values) - 1 for values in by_mix.values()))
        squares = mean_squares(list(by_mix.values()))
        for (mix, values), square in zip(by_mix.items(), squares, strict=True):
            if square is not None:
                each = square.variance / len(values)
                variance[(*key, mix)] = Seeds((), each, square.degrees, pooled)
    return {
        key: seeds_together(
            [variance[(*key[:2], mix)] for mix in key[2:] if (*key[:2], mix) in variance]
        )
        for key in tables
    }
