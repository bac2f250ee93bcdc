"""Effect sizes of scores on a scale: probability of superiority and epsilon-squared, with intervals.

They compare all responses of conditions with each other, as the unpaired rank tests do, while their
intervals know that the same templates and base prompts lie behind all conditions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from manybaskets.statistics.bootstrap import Seeds
from manybaskets.statistics.components import Part, half_width, total
from manybaskets.statistics.crossed import (
    CrossedMean,
    Draws,
    Interval,
    crossed_mean,
    of_prompts,
    quantiles,
    shift,
    spread_to,
)


@dataclass(frozen=True)
class Samples:
    """Scores of several conditions on the same rows: `values[name][seed, row]`, without gaps."""

    values: Mapping[str, np.ndarray]
    templates: np.ndarray
    bases: np.ndarray

    def levels(self) -> np.ndarray:
        """The distinct scores, from low to high."""
        return np.unique(np.concatenate([each.ravel() for each in self.values.values()]))

    def mean(self, name: str, of_level: np.ndarray, levels: np.ndarray) -> CrossedMean:
        """The mean of a condition after each score was replaced by its level's number."""
        codes = np.searchsorted(levels, self.values[name])
        return crossed_mean(of_level[codes], self.templates, self.bases, (name,))

    def histograms(self, levels: np.ndarray) -> dict[str, np.ndarray]:
        """By condition, rows per score and cell: `[level, template, base]`, a mean over seeds."""
        one = np.arange(len(levels))
        return {
            name: np.stack(
                [self.mean(name, (one == level).astype(float), levels).sums for level in one]
            )
            for name in self.values
        }


def superiority(
    samples: Samples, first: str, second: str, draws: Draws, confidence: float, seed: int
) -> tuple[float, Interval | None]:
    """A, the probability that a response of `first` scores above one of `second`, ties by half.

    A = U / (n₁ n₂); the rank-biserial correlation is 2 A − 1. Interval: quantiles of A in the
    resamples of `crossed`, their spread set to the half-width from the components of variance of
    F₂(x) − F₁(y), with F the share of the other condition below a score, ties by half. None where
    nothing varies. Source: DeLong, DeLong & Clarke-Pearson 1988, Biometrics 44(3), for these
    placements, whose mean has the variance of A.
    """
    pair = Samples(
        {n: samples.values[n] for n in (first, second)}, samples.templates, samples.bases
    )
    levels = pair.levels()
    cells = pair.histograms(levels)
    counts = {name: each.sum(axis=(1, 2))[None] for name, each in cells.items()}
    value = float(_above(counts[first], counts[second])[0])
    placed = [
        pair.mean(name, _below(counts[other])[0], levels)
        for name, other in ((first, second), (second, first))
    ]
    moved = CrossedMean(placed[0].sums - placed[1].sums, placed[0].counts)
    half = half_width(of_prompts(moved), confidence)
    trainings = _seeds(placed)
    if half == 0 and (trainings is None or trainings.variance == 0):
        return value, None
    drawn = {name: draws.sums(each) for name, each in cells.items()}
    moves = spread_to(_above(drawn[first], drawn[second]) - value, half, confidence)
    low, high = quantiles(value, moves + shift(trainings, len(moves), seed), confidence)
    return value, (max(0.0, low), min(1.0, high))


def epsilon_squared(
    samples: Samples, draws: Draws, confidence: float, seed: int
) -> tuple[float, Interval] | None:
    """ε² = H / (N − 1) of Kruskal and Wallis over all conditions, H corrected for ties.

    That is the share of the ranks' variance which lies between the conditions. Interval: quantiles
    over the resamples of `crossed`, each condition's mean rank moved as other trainings would move
    it, less the resamples' mean excess over the value, and at least 0. None where all scores are
    alike. Source: Tomczak & Tomczak 2014, Trends in Sport Sciences 1(21), for ε².
    """
    levels = samples.levels()
    if len(levels) < 2:
        return None
    cells = samples.histograms(levels)
    counts = np.stack([each.sum(axis=(1, 2)) for each in cells.values()])
    value = float(_between(counts[:, None])[0])
    place = _below(counts.sum(axis=0)[None])[0]
    drawn = np.stack([draws.sums(each) for each in cells.values()])
    moved = [shift(samples.mean(name, place, levels).seeds, drawn.shape[1], seed) for name in cells]
    resampled = _between(drawn, np.stack(moved))
    low, high = quantiles(value, resampled - resampled.mean(), confidence)
    return value, (max(0.0, low), min(1.0, high))


def _below(counts: np.ndarray) -> np.ndarray:
    """Share of `counts[..., level]` below each level, its own by half."""
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


def _seeds(means: list[CrossedMean]) -> Seeds | None:
    found = [each.seeds for each in means if each.seeds]
    if not found:
        return None
    part = total([Part(each.variance, each.degrees) for each in found])
    names = tuple(name for each in found for name in each.conditions)
    return Seeds(names, part.variance, part.degrees)
