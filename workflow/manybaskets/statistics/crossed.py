"""Means over two crossed factors, templates × base prompts: intervals, tests, effect sizes.

A jailbreak set crosses every template with every base prompt, so that its rows are far from
independent: the varying units are the templates and the base prompts. Both are resampled
independently, and a row counts as often as the product of the draws of its template and its base
prompt. A set with one template has only base prompts, and uses the methods of all other measures
(`bootstrap.bca`, `signs.sign_flip_p`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from manybaskets.records.ids import row_seed
from manybaskets.statistics.bootstrap import Mean, Seeds, bca, seed_shift, seeds_together, weights
from manybaskets.statistics.components import (
    VarianceComponent,
    half_width,
    seed_variance,
    t_p,
)
from manybaskets.statistics.rates import wilson, wilson_of
from manybaskets.statistics.signs import sign_flip_p

_ROUNDING = 1e-12
_SWEEPS = (
    200  # iterations of the additive fit; it converges much earlier unless cells are very sparse
)

Interval = tuple[float, float]


@dataclass(frozen=True)
class CrossedMean:
    """A mean over rows in the cells `[template, base]`: `sums` of the values, `counts` of the rows.

    Rows of one cell count as copies of each other. `seeds` is None for one training run.
    """

    sums: np.ndarray
    counts: np.ndarray
    seeds: Seeds | None = None

    @property
    def value(self) -> float:
        """The mean over all rows."""
        return float(self.sums.sum() / self.counts.sum())

    @property
    def crossed(self) -> bool:
        """Whether both factors vary."""
        return min(self.counts.shape) > 1

    def over_one(self) -> Mean:
        """The mean over the levels of the only factor that varies; without empty levels."""
        axis = int(np.argmin(self.counts.shape))
        sums, sizes = self.sums.sum(axis=axis), self.counts.sum(axis=axis)
        return Mean(sums[sizes > 0], sizes[sizes > 0], self.seeds)

    @property
    def varies(self) -> bool:
        """Whether the cells' means differ."""
        held = self.counts > 0
        return float(np.ptp(self.sums[held] / self.counts[held])) > _ROUNDING

    @property
    def levels(self) -> int:
        """Levels of the smaller varying factor; at least this many rows count."""
        return min((size for size in self.counts.shape if size > 1), default=1)


def crossed_mean(
    values: np.ndarray, templates: np.ndarray, bases: np.ndarray, condition: tuple[str, ...]
) -> CrossedMean:
    """The mean of a condition over its rows and seeds.

    Args:
        values: `[seed, row]`; NaN if a row does not count in a seed. Without NaN the mean is the
            mean of the seeds' means; otherwise each row counts as often as it has a value.
        templates, bases: names or codes of every row's template and base prompt.
        condition: distinguishes its trainings from those of other conditions.
    """
    of_template, template = np.unique(templates, return_inverse=True)
    of_base, base = np.unique(bases, return_inverse=True)
    shape = (len(of_template), len(of_base))
    cell, size = template * shape[1] + base, shape[0] * shape[1]
    defined = ~np.isnan(values)
    counts = [np.bincount(cell, each, size).reshape(shape) for each in defined.astype(np.float64)]
    sums = [np.bincount(cell, each, size).reshape(shape) for each in np.where(defined, values, 0.0)]
    seeds = None
    if len(values) > 1:
        # A seed in which no row counts has no value, and carries no information on trainings.
        pairs = [(s, c) for s, c in zip(sums, counts, strict=True) if c.sum() > 0]
        variance = 0.0
        if len(pairs) > 1:
            per_seed = np.array([s.sum() / c.sum() for s, c in pairs])
            variance = seeds_variance(
                per_seed, np.stack([cell_influences(*pair) for pair in pairs])
            )
        seeds = Seeds((condition,), variance, max(len(pairs) - 1, 1))
    return CrossedMean(np.mean(sums, axis=0), np.mean(counts, axis=0), seeds)


def seeds_variance(per_seed: np.ndarray, moved: np.ndarray) -> float:
    """Variance of the mean over seeds due to training alone (`components.seed_variance`).

    Args:
        per_seed: value of each seed.
        moved: `[seed, template, base]`, shift of a seed's value by each cell.
    """
    cells = moved[0].size
    return seed_variance(per_seed, moved.reshape(len(moved), -1), cells / max(cells - 1, 1))


def difference(first: CrossedMean, second: CrossedMean) -> CrossedMean:
    """The mean of paired differences on the same rows; their trainings are independent."""
    seeds = seeds_together([each.seeds for each in (first, second) if each.seeds])
    return CrossedMean(first.sums - second.sums, first.counts, seeds)


def cell_influences(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Shift of the mean over rows by each cell; shifts add up to 0."""
    number = counts.sum()
    return (sums - counts * (sums.sum() / number)) / number


def components(moved: np.ndarray, held: np.ndarray) -> list[VarianceComponent]:
    """The variance of a mean over crossed factors: templates, base prompts, and their rows.

    With influences m, V_T = T / (T − 1) Σ_t (Σ_b m)² contains the contribution of templates and
    rows, V_B that of base prompts and rows, V_R = s² · cells that of rows, with s² the mean square
    of the residuals of an additive fit of both factors, on cells − T − B + 1 degrees of freedom.
    The variance V_T + V_B − V_R is returned as the components V_T − V_R, V_B − V_R and V_R, the
    first two at least 0. One factor has one component. Source: Cameron, Gelbach & Miller 2011, JBES
    29(2), for V_T + V_B − V_R; Searle, Casella & McCulloch 1992, chapter 5, for the mean squares.

    Args:
        moved: `[template, base]`, shift of the mean by each cell.
        held: which cells have rows.
    """
    moved, held = moved[held.any(axis=1)], held[held.any(axis=1)]
    moved, held = moved[:, held.any(axis=0)], held[:, held.any(axis=0)]
    levels = held.shape
    by_factor = [
        VarianceComponent(
            size / (size - 1) * float((moved.sum(axis=1 - axis) ** 2).sum()), size - 1
        )
        for axis, size in enumerate(levels)
        if size > 1
    ]
    cells = int(held.sum())
    degrees = cells - sum(levels) + 1
    # Without degrees of freedom rows cannot be separated from factors, and nothing is subtracted.
    if len(by_factor) < 2 or degrees < 1:
        return by_factor
    of_rows = float((_without_effects(moved, held) ** 2).sum()) * cells / degrees
    return [
        *(
            VarianceComponent(max(0.0, component.variance - of_rows), component.degrees)
            for component in by_factor
        ),
        VarianceComponent(of_rows, degrees),
    ]


def _without_effects(moved: np.ndarray, held: np.ndarray) -> np.ndarray:
    """Residuals of the least-squares additive fit of both factors, by alternating means."""
    left = np.where(held, moved, 0.0)
    rows, columns = (np.maximum(held.sum(axis=axis), 1) for axis in (1, 0))
    limit = _ROUNDING * max(float(np.abs(left).max(initial=0.0)), 1e-300)
    for _ in range(_SWEEPS):
        by_row = left.sum(axis=1) / rows
        left = np.where(held, left - by_row[:, None], 0.0)
        by_column = left.sum(axis=0) / columns
        left = np.where(held, left - by_column, 0.0)
        if max(np.abs(by_row).max(), np.abs(by_column).max()) < limit:
            break
    return left


def of_prompts(mean: CrossedMean) -> list[VarianceComponent]:
    """Components of a mean's variance due to templates, base prompts and rows."""
    return components(cell_influences(mean.sums, mean.counts), mean.counts > 0)


def components_of(mean: CrossedMean) -> list[VarianceComponent]:
    """All components of a mean's variance, including its seeds."""
    components = of_prompts(mean)
    if mean.seeds:
        components.append(VarianceComponent(mean.seeds.variance, mean.seeds.degrees))
    return components


class Draws:
    """Number of draws of templates and base prompts: `templates[resample, template]`, `bases`.

    They depend only on the numbers of both and the seed, so that all conditions share them.
    """

    def __init__(self, templates: int, bases: int, resamples: int, seed: int) -> None:
        self.templates, self.bases = (
            np.concatenate(list(weights(size, resamples, row_seed(seed, "crossed", name))))
            if size > 1
            else np.ones((resamples, 1))
            for name, size in (("templates", templates), ("bases", bases))
        )

    def sums(self, cells: np.ndarray) -> np.ndarray:
        """Weighted sums `[resample, ...]` of `cells[..., template, base]`."""
        *ahead, templates, bases = cells.shape
        by_template = self.bases @ cells.reshape(-1, bases).T
        by_template = by_template.reshape(len(self.bases), -1, templates)
        return np.einsum("rkt,rt->rk", by_template, self.templates).reshape(-1, *ahead)


def resampled(mean: CrossedMean, draws: Draws) -> np.ndarray:
    """Mean of every resample minus the mean, without the shift by other trainings.

    A resample without rows (from a sparse table) has no mean and no shift.
    """
    sums = draws.sums(np.stack([mean.sums, mean.counts]))
    numbers = sums[:, 1]
    means = np.divide(sums[:, 0], numbers, out=np.full(len(numbers), mean.value), where=numbers > 0)
    return means - mean.value


def intervals(
    means: Sequence[CrossedMean], resamples: int, confidence: float, seed: int
) -> list[Interval | None]:
    """Intervals of means; None if no factor has two levels.

    Crossed: quantiles of the two-way bootstrap. Its variance contains that of the rows three times
    (Owen 2007, Annals of Applied Statistics 1(2), "The pigeonhole bootstrap") and ignores the
    degrees of freedom of few templates; therefore the resampled means keep their shape, and their
    spread is scaled to the half-width from the variance components (`components`). Every resample's
    mean is shifted by other trainings (`bootstrap.seed_shift`). One factor: `bootstrap.bca`.
    """
    results: list[Interval | None] = [None] * len(means)
    alone = [index for index, mean in enumerate(means) if not mean.crossed]
    plain = bca([means[index].over_one() for index in alone], resamples, confidence, seed)
    for index, interval in zip(alone, plain, strict=True):
        results[index] = interval
    draws_of_shape: dict[tuple[int, ...], Draws] = {}
    for index, mean in enumerate(means):
        if not mean.crossed:
            continue
        shape = mean.counts.shape
        if shape not in draws_of_shape:
            draws_of_shape[shape] = Draws(*shape, resamples, seed)
        half = half_width(of_prompts(mean), confidence)
        moves = spread_to(resampled(mean, draws_of_shape[shape]), half, confidence)
        moves = moves + shift(mean.seeds, len(moves), seed)
        results[index] = quantiles(mean.value, moves, confidence)
    return results


def share_interval(mean: CrossedMean, answers: int, confidence: float) -> Interval:
    """Wilson's interval of a share, with the effective number of answers (`rates.wilson_of`).

    Crossed: share · (1 − share) / variance, with the variance of the components. Bootstrap
    quantiles are too narrow for rare answers and undefined if all answers are equal; then the
    number is that of the smaller factor's levels.
    """
    if not mean.crossed:
        return wilson_of(mean.over_one(), answers, confidence)
    share = min(max(mean.value, 0.0), 1.0)
    number, z = float(mean.levels), z_of(confidence)
    components = components_of(mean)
    variance = sum(component.variance for component in components)
    if _ROUNDING < share < 1 - _ROUNDING and variance > 0:
        number = min(float(answers), share * (1 - share) / variance)
        z = half_width(components, confidence) / float(np.sqrt(variance))
    return wilson(share, number, z)


@lru_cache(maxsize=64)
def z_of(confidence: float) -> float:
    """Quantile of the normal distribution for a two-sided interval, 1.96 for 95 %."""
    from scipy.stats import norm

    return float(norm.ppf((1 + confidence) / 2))


def shift(seeds: Seeds | None, size: int, seed: int) -> np.ndarray:
    """Shift of a value by other trainings (`bootstrap.seed_shift`)."""
    return seed_shift(Mean(np.zeros(1), np.ones(1), seeds), size, seed)


def spread_to(moves: np.ndarray, half: float, confidence: float) -> np.ndarray:
    """Shifts around 0 with the normal half-width `half`."""
    deviation = float(moves.std())
    if half == 0 or deviation <= _ROUNDING * half:
        return np.zeros_like(moves)
    centred = moves - moves.mean()
    return centred * (half / (z_of(confidence) * deviation))


def quantiles(value: float, moves: np.ndarray, confidence: float) -> Interval:
    """Limits of a value from the shifts of its resamples."""
    low, high = np.quantile(moves, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(value + low), float(value + high)


def p_values(differences: Sequence[CrossedMean], permutations: int, seed: int) -> list[float]:
    """Two-sided p of the hypothesis that a mean of paired differences is 0.

    Crossed: a t test on the components of variance (`components.t_p`). Sign flips are not valid
    here: flipping single rows treats rows as independent, and products of flipped templates and
    flipped base prompts keep neither factor's effect. One factor: sign flips of base prompts. If
    the differences of all cells are equal and not 0, no test has a variance; every level of the
    smaller factor shows the difference: p = 2^(1 − levels).
    """
    p = [1.0] * len(differences)
    alone = [index for index, each in enumerate(differences) if not each.crossed]
    flipped = sign_flip_p([differences[index].over_one() for index in alone], permutations, seed)
    for index, value in zip(alone, flipped, strict=True):
        p[index] = value
    for index, each in enumerate(differences):
        if not each.crossed:
            continue
        components = components_of(each)
        if sum(component.variance for component in components) > _ROUNDING**2:
            p[index] = min(1.0, t_p(each.value, components)) if each.value else 1.0
        elif abs(each.value) > _ROUNDING:
            p[index] = 2.0 ** (1 - each.levels)
    return p
