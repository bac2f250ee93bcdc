"""BCa bootstrap of means over clusters and training seeds, many means at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from manybaskets.records.ids import row_seed
from manybaskets.statistics.components import VarianceComponent, influences, seed_variance, total

_RESAMPLES_AT_ONCE = 1000
_MEANS_AT_ONCE = 400
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Seeds:
    """Variance that training seeds add to a mean, with its degrees of freedom.

    `pooled` are the degrees of freedom of all conditions that the variance was estimated from; a
    difference has no more (`moderation.Prior`).
    """

    conditions: tuple[tuple[str, ...], ...]
    variance: float
    degrees: float
    pooled: float = float("inf")


@dataclass(frozen=True)
class Mean:
    """A mean over prompts in clusters: `sums` of the values and `sizes` of every cluster.

    `seeds` is None for one training run.
    """

    sums: np.ndarray
    sizes: np.ndarray
    seeds: Seeds | None = None

    @property
    def value(self) -> float:
        """The mean over all prompts."""
        return float(self.sums.sum() / self.sizes.sum())

    @property
    def components(self) -> list[VarianceComponent]:
        """Its variance over clusters and between trainings; of two or more clusters."""
        clusters = len(self.sizes)
        within = float((influences(self.sums, self.sizes) ** 2).sum()) * clusters / (clusters - 1)
        components = [VarianceComponent(within, clusters - 1)]
        if self.seeds:
            components.append(VarianceComponent(self.seeds.variance, self.seeds.degrees))
        return components


def mean_of(sums: np.ndarray, sizes: np.ndarray, condition: tuple[str, ...]) -> Mean:
    """The mean of a condition's `sums[seed, cluster]` over its seeds and prompts."""
    seeds, clusters = sums.shape
    if seeds == 1:
        return Mean(sums[0], sizes)
    per_seed = sums.sum(axis=1) / sizes.sum()
    scale = clusters / max(clusters - 1, 1)
    variance = seed_variance(per_seed, influences(sums, sizes), scale)
    return Mean(sums.mean(axis=0), sizes, Seeds((condition,), variance, seeds - 1))


def difference_of(first: Mean, second: Mean) -> Mean:
    """The mean of paired differences; the trainings of both conditions are independent."""
    found = [each.seeds for each in (first, second) if each.seeds]
    return Mean(first.sums - second.sums, first.sizes, seeds_together(found))


def seeds_together(seeds: Sequence[Seeds]) -> Seeds | None:
    """The variance that the trainings of several conditions add to their sum or difference."""
    if not seeds:
        return None
    component = total([VarianceComponent(each.variance, each.degrees) for each in seeds])
    conditions = tuple(name for each in seeds for name in each.conditions)
    pooled = min(each.pooled for each in seeds)
    return Seeds(conditions, component.variance, min(component.degrees, pooled), pooled)


def weights(clusters: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Number of draws of each cluster in each resample, block by block: `[resample, cluster]`.

    They depend only on the number of clusters, so that all conditions share their resamples.
    """
    rng = np.random.default_rng(row_seed(seed, "clusters", clusters))
    for start in range(0, resamples, _RESAMPLES_AT_ONCE):
        rows = min(_RESAMPLES_AT_ONCE, resamples - start)
        drawn = rng.integers(0, clusters, size=(rows, clusters))
        drawn += np.arange(rows)[:, None] * clusters
        counts = np.bincount(drawn.ravel(), minlength=rows * clusters)
        yield counts.reshape(rows, clusters).astype(np.float64)


def seed_shift(mean: Mean, size: int, seed: int) -> np.ndarray:
    """Shift of a mean by other trainings, `size` times: t times their standard error.

    Evenly spaced quantiles of t, in a condition-specific order. Three trainings cannot be
    resampled: resampling reproduces two thirds of their variance, in ten different samples.
    """
    from scipy.stats import t

    if mean.seeds is None or mean.seeds.variance <= 0:
        return np.zeros(size)
    names = sorted(map(list, mean.seeds.conditions))
    rng = np.random.default_rng(row_seed(seed, "seeds", size, names))
    quantiles = t.ppf((np.arange(size) + 0.5) / size, mean.seeds.degrees)
    return rng.permutation(quantiles) * np.sqrt(mean.seeds.variance)


def bca(
    means: Sequence[Mean], resamples: int, confidence: float, seed: int
) -> list[tuple[float, float] | None]:
    """Bias-corrected and accelerated intervals; None for fewer than two clusters.

    Clusters are drawn with replacement, and every resample's mean is shifted by other trainings
    (`seed_shift`). Bias correction: from the share of resamples below the mean, ties count half.
    Acceleration: Σ l³ / 6 (Σ l² + v)^1.5, with l the influence of a cluster and v the variance of
    the seeds, assumed symmetric. The tails are slightly wider for few clusters (`_expansion`).
    Source: Efron 1987, JASA 82(397).

    All means over clusters with the same sizes share one matrix product.
    """
    found: list[tuple[float, float] | None] = [None] * len(means)
    groups: dict[bytes, list[int]] = {}
    for place, mean in enumerate(means):
        if len(mean.sizes) > 1:
            groups.setdefault(mean.sizes.astype(np.float64).tobytes(), []).append(place)
    for places in groups.values():
        for start in range(0, len(places), _MEANS_AT_ONCE):
            block = places[start : start + _MEANS_AT_ONCE]
            intervals = _intervals([means[place] for place in block], resamples, confidence, seed)
            for place, interval in zip(block, intervals, strict=True):
                found[place] = interval
    return found


def _intervals(
    means: Sequence[Mean], resamples: int, confidence: float, seed: int
) -> list[tuple[float, float]]:
    from scipy.stats import norm

    sizes = means[0].sizes
    value = np.array([mean.value for mean in means])
    moved = np.stack([influences(mean.sums, sizes) for mean in means], axis=1)
    resampled = np.empty((len(means), resamples))
    done = 0
    for block in weights(len(sizes), resamples, seed):
        block_means = (block @ moved) * (sizes.sum() / (block @ sizes))[:, None]
        resampled[:, done : done + len(block)] = block_means.T
        done += len(block)
    within = (moved**2).sum(axis=0)
    added = np.array([mean.seeds.variance if mean.seeds else 0.0 for mean in means])
    for row, mean in enumerate(means):
        if added[row] > 0:
            resampled[row] += seed_shift(mean, resamples, seed)
    resampled.sort(axis=1)
    tie = _ROUNDING * np.abs(moved).sum(axis=0)
    whole = np.where(within + added > 0, within + added, 1.0)
    acceleration = np.where(within > 0, (moved**3).sum(axis=0) / (6 * whole**1.5), 0.0)
    wider = 1 + (_expansion(len(sizes), confidence) - 1) * within / whole
    tail = norm.ppf((1 - confidence) / 2) * wider
    return [
        _limits(value[row], resampled[row], tie[row], acceleration[row], tail[row])
        for row in range(len(means))
    ]


def _expansion(clusters: int, confidence: float) -> float:
    """Factor by which the tails for few clusters exceed the normal tails.

    A bootstrap's variance divides by n instead of n − 1 and ignores the degrees of freedom: √(n /
    (n − 1)) t / z. Source: Hesterberg 2015, The American Statistician 69(4).
    """
    from scipy.stats import norm, t

    level = (1 + confidence) / 2
    ratio = t.ppf(level, clusters - 1) / norm.ppf(level)
    return float(np.sqrt(clusters / (clusters - 1)) * ratio)


def _limits(
    value: float, moves: np.ndarray, tie: float, acceleration: float, tail: float
) -> tuple[float, float]:
    """Limits from sorted deviations of the resampled means from the mean."""
    from scipy.special import ndtr, ndtri

    size = len(moves)
    below, upto = np.searchsorted(moves, [-tie, tie])
    share = (below + 0.5 * (upto - below)) / size
    bias = ndtri(np.clip(share, 0.5 / size, 1 - 0.5 / size))
    moved = bias + np.array([tail, -tail])
    levels = ndtr(bias + moved / (1 - acceleration * moved))
    low, high = np.quantile(moves, levels)
    return float(value + low), float(value + high)
