"""Effect sizes of scores on a scale: probability of superiority and epsilon-squared, with intervals.

They compare all responses of conditions with each other, as unpaired rank tests do, but their
intervals account for the templates and base prompts shared by all conditions.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from manybaskets.statistics.components import half_width
from manybaskets.statistics.crossed import (
    CrossedMean,
    Draws,
    Interval,
    crossed_mean,
    difference,
    of_prompts,
    quantiles,
    shift,
    spread_to,
)


class Samples:
    """Scores of several conditions on the same rows, and their counts in every resample.

    Args:
        values: by condition `[seed, row]`, without gaps.
        templates, bases: names or codes of every row's template and base prompt.
        resamples, seed: for the draws, which are those of `crossed`.
    """

    def __init__(
        self,
        values: Mapping[str, np.ndarray],
        templates: np.ndarray,
        bases: np.ndarray,
        resamples: int,
        seed: int,
    ) -> None:
        self.values, self.seed = values, seed
        self._templates, self._bases = templates, bases
        self.levels = np.unique(np.concatenate([each.ravel() for each in values.values()]))
        shape = len(np.unique(templates)), len(np.unique(bases))
        draws = Draws(*shape, resamples, seed)
        one = np.eye(len(self.levels))
        cells = {
            name: np.stack([self.mean(name, of_level).sums for of_level in one]) for name in values
        }
        # Counts of each score, averaged over seeds: [level], and in every resample [resample,
        # level].
        self.counts = {name: each.sum(axis=(1, 2)) for name, each in cells.items()}
        drawn = {name: draws.sums(each) for name, each in cells.items()}
        held = (
            next(iter(drawn.values())).sum(axis=1) > 0
        )  # a resample of a sparse table may be empty
        self.drawn = {name: each[held] for name, each in drawn.items()}

    def mean(self, name: str, of_level: np.ndarray) -> CrossedMean:
        """The mean of a condition after replacing each score by its level number."""
        codes = np.searchsorted(self.levels, self.values[name])
        return crossed_mean(of_level[codes], self._templates, self._bases, (name,))


def superiority(
    samples: Samples, first: str, second: str, confidence: float
) -> tuple[float, Interval | None]:
    """A, the probability that a response of `first` scores above one of `second`, ties count half.

    A = U / (n₁ n₂); the rank-biserial correlation is 2 A − 1. Interval: quantiles of A in the
    resamples of `crossed`, their spread set to the half-width from the components of variance of
    F₂(x) − F₁(y), with F the share of the other condition below a score, ties count half. None
    without variation. Source: DeLong, DeLong & Clarke-Pearson 1988, Biometrics 44(3), for these
    placements, whose mean has the variance of A.
    """
    pair = first, second
    value = float(_above(*(samples.counts[name][None] for name in pair))[0])
    placed = [
        samples.mean(name, _below(samples.counts[other])) for name, other in (pair, pair[::-1])
    ]
    moved = difference(*placed)
    half = half_width(of_prompts(moved), confidence)
    if half == 0 and not (moved.seeds and moved.seeds.variance):
        return value, None
    resampled = _above(*(samples.drawn[name] for name in pair))
    moves = spread_to(resampled - value, half, confidence)
    moves = moves + shift(moved.seeds, len(moves), samples.seed)
    low, high = quantiles(value, moves, confidence)
    return value, (max(0.0, low), min(1.0, high))


def epsilon_squared(samples: Samples, confidence: float) -> tuple[float, Interval] | None:
    """ε² = H / (N − 1) of Kruskal and Wallis over all conditions, H corrected for ties.

    This is the share of the ranks' variance between the conditions. Interval: quantiles over the
    resamples of `crossed`, each condition's mean rank shifted by other trainings, minus the
    resamples' mean excess over the value, and at least 0. None if all scores are equal. Source:
    Tomczak & Tomczak 2014, Trends in Sport Sciences 1(21), for ε².
    """
    if len(samples.levels) < 2:
        return None
    counts = np.stack(list(samples.counts.values()))
    value = float(_between(counts[:, None])[0])
    place = _below(counts.sum(axis=0))
    drawn = np.stack(list(samples.drawn.values()))
    moved = [
        shift(samples.mean(name, place).seeds, drawn.shape[1], samples.seed)
        for name in samples.values
    ]
    resampled = _between(drawn, np.stack(moved))
    low, high = quantiles(value, resampled - resampled.mean(), confidence)
    return value, (max(0.0, low), min(1.0, high))


def _below(counts: np.ndarray) -> np.ndarray:
    """Share of `counts[..., level]` below each level, plus half of its own."""
    return (counts.cumsum(axis=-1) - counts / 2) / counts.sum(axis=-1, keepdims=True)


def _above(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """A of counts `[..., level]`."""
    return (first * _below(second)).sum(axis=-1) / first.sum(axis=-1)


def _between(counts: np.ndarray, moved: np.ndarray | float = 0.0) -> np.ndarray:
    """Share of the variance of ranks between conditions, of counts `[condition, resample, level]`."""
    place = _below(counts.sum(axis=0))
    sizes = counts.sum(axis=-1)
    means = (counts * place).sum(axis=-1) / sizes
    middle = (sizes * means).sum(axis=0) / sizes.sum(axis=0)
    whole = (counts.sum(axis=0) * (place - middle[:, None]) ** 2).sum(axis=-1)
    between = (sizes * (means + moved - middle) ** 2).sum(axis=0)
    return np.divide(between, whole, out=np.zeros_like(whole), where=whole > 0)
