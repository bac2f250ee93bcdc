"""Variance of set-level measures over prompts and training seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from manybaskets.records.measured import GROUP_DRAWS, GROUPS, PARTITION_DRAWS
from manybaskets.statistics.bootstrap import Seeds, seeds_together
from manybaskets.statistics.cells import CellKey, SetCell
from manybaskets.statistics.clusters import cluster_sums
from manybaskets.statistics.components import VarianceComponent, answer_variance
from manybaskets.statistics.moderation import Trainings, training_components
from manybaskets.statistics.trainings import trainings

HALVES, JACKKNIFE = "half-samples of prompts", "jackknife over prompts"
GROUPED = "jackknife over groups of prompts, with their pairs"


@dataclass(frozen=True)
class Spread:
    """The variance of a set-level value, or of a difference, and its units.

    `units` are the half-samples, the groups of all partitions or the clusters; below 2 there is no
    variance. `components` are the variance components over prompts and, for several trainings, over
    seeds.
    """

    method: str
    units: int
    components: tuple[VarianceComponent, ...] = ()

    @property
    def error(self) -> float:
        """The standard error."""
        return float(np.sqrt(sum(component.variance for component in self.components)))


@dataclass(frozen=True)
class _Moves:
    """Shifts of each cell's values, `[seed, unit]`, whose scaled squares add up to a variance.

    `pairs` are the shifts by two groups together that neither explains, `[seed, pair]`; without
    them the squares of `moved` are the variance.
    """

    method: str
    moved: list[np.ndarray]
    scale: float
    degrees: int
    pairs: list[np.ndarray] = field(default_factory=list)
    pair_scale: float = 0.0
    pair_degrees: int = 1

    def component(self, moved: np.ndarray, pairs: np.ndarray | None) -> VarianceComponent:
        """Variance of the value with these shifts by units, and by pairs of groups.

        J of the units counts what k prompts do together k times. Q of the pairs estimates the excess
        of k = 2, and J − Q + … is continued as J / (1 + Q / J). Degrees of freedom by
        linearisation (Satterthwaite 1946).
        """
        units = self.scale * float((moved**2).sum())
        together = 0.0 if pairs is None else self.pair_scale * float((pairs**2).sum())
        if units <= 0 or together <= 0:
            return VarianceComponent(units, self.degrees)
        share = together / (units + together)
        below = (1 + share) ** 2 / self.degrees + share**2 / self.pair_degrees
        return VarianceComponent(units * (1 - share), 1 / below)

    def answers(self, place: int) -> float:
        """Variance of one seed's value of a cell by chance in single answers; NaN for one seed."""
        moved = self.moved[place] - self.moved[place].mean(axis=0)
        pairs = self.pairs[place] - self.pairs[place].mean(axis=0) if self.pairs else None
        plain = self.scale * float((moved**2).sum())
        shrunk = self.component(moved, pairs).variance / plain if plain > 0 else 1.0
        return answer_variance(moved, self.scale * shrunk)


def spread(
    first: SetCell,
    second: SetCell | None = None,
    seeds: Sequence[Seeds | None] | None = None,
) -> Spread:
    """The variance of a set-level value, or of the difference between two.

    A difference leaves the same prompts out of both. The trainings add their own variance.

    Half-samples: the variance of the draws is that of the value, as in a delete-half jackknife;
    their level is not used, because it depends on the number of prompts.

    Groups: with G groups, the value θ₍g₎ without group g and its mean θ̄, J = (G − 1) / G
    Σ (θ₍g₎ − θ̄)². J counts what k prompts contribute together, and none of fewer, k times. Such
    contributions show in Q, the sum over all pairs of groups of the squares of
    ((G − 2) θ₍gh₎ − (G − 1) (θ₍g₎ + θ₍h₎)) / G around their mean; the variance is J / (1 + Q / J).

    Left-out prompts: with n prompts, the value θ and θ₍ₚ₎ without prompt p, a prompt shifts the
    value by (n − 1) (θ̄ − θ₍ₚ₎) / n; the shifts of a cluster's prompts are added, and the variance
    is C / (C − 1) Σ (sum of a cluster)² over C clusters.

    Source: Efron & Tibshirani 1993, chapters 11 and 12; Shao & Wu 1989 for the half-samples; Efron
    & Stein 1981 for J and Q; the fraction, which cannot be negative, in place of their J − Q is the
    project's own.

    Args:
        seeds: variance of each cell's value between trainings, from `set_trainings`; that of the
            cell alone unless given.
    """
    cells = [first] if second is None else [first, second]
    moves = _moves(cells)
    if moves.degrees < 1:
        return Spread(moves.method, moves.degrees + 1)
    prompts = moves.component(_contrast(moves.moved), _contrast(moves.pairs))
    limits = [cell.used for cell in cells if cell.used is not None and moves.method != JACKKNIFE]
    prompts = VarianceComponent(prompts.variance, min([prompts.degrees, *(n - 1 for n in limits)]))
    if seeds is None:
        seeds = [_alone(cell, moves.answers(place)) for place, cell in enumerate(cells)]
    whole = seeds_together([each for each in seeds if each is not None])
    components = (prompts,)
    if whole is not None:
        components = (prompts, VarianceComponent(whole.variance, whole.degrees))
    return Spread(moves.method, moves.degrees + 1, components)


def _alone(cell: SetCell, answers: float) -> Seeds | None:
    """Variance of a cell's value between its own trainings; None for one."""
    (component,) = training_components([Trainings(cell.full, answers)])
    return None if component is None else Seeds((), component.variance, component.degrees)


def set_trainings(cells: Mapping[str, SetCell]) -> dict[str, Seeds | None]:
    """Variance of every condition's value between trainings, moderated over the conditions.

    Args:
        cells: the trained conditions of one measure, target and prompt set. Conditions whose value
            is undefined do not count.

    Returns:
        By condition; None if no condition was trained twice, or the value is undefined.
    """
    defined = [mix for mix, cell in cells.items() if not np.isnan(cell.full).any()]
    runs = []
    for mix in defined:
        moves = _moves([cells[mix]])
        answers = moves.answers(0) if moves.degrees > 0 else float("nan")
        runs.append(Trainings(cells[mix].full, answers))
    pooled = float(sum(len(each.values) - 1 for each in runs))
    seeds: dict[str, Seeds | None] = dict.fromkeys(cells)
    for mix, component in zip(defined, training_components(runs), strict=True):
        if component is not None:
            seeds[mix] = Seeds(((mix,),), component.variance, component.degrees, pooled)
    return seeds


def set_trainings_of(cell_of: Mapping[CellKey, object], key: CellKey) -> dict[str, Seeds | None]:
    """`set_trainings` of all conditions with the measure, target and prompt set of a cell."""
    measure, model, _, prompt_set = key
    members = {
        other[2]: cell
        for other, cell in cell_of.items()
        if (other[0], other[1], other[3]) == (measure, model, prompt_set)
        and trainings(model, other[2], 1) is not None
    }
    return set_trainings(members)


def _contrast(moved: Sequence[np.ndarray]) -> np.ndarray | None:
    """Shifts of the mean over seeds, or of the difference between two; None for none."""
    signs = (1.0, -1.0)
    means = [sign * each.mean(axis=0) for sign, each in zip(signs, moved, strict=False)]
    return sum(means) if means else None


def _moves(cells: list[SetCell]) -> _Moves:
    if all(len(cell.prompts) for cell in cells):
        moved, clusters = _left_out(cells)
        return _Moves(JACKKNIFE, moved, clusters / max(clusters - 1, 1), clusters - 1)
    numbers, draws = _common_draws(cells)
    if (numbers >= GROUP_DRAWS).any():
        return _of_groups(numbers, draws)
    number = len(numbers)
    moved = [each - each.mean(axis=1, keepdims=True) if number else each for each in draws]
    return _Moves(HALVES, moved, 1 / max(number - 1, 1), number - 1)


def _common_draws(cells: list[SetCell]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Draws in which all cells are defined in all seeds, and their values."""
    shared = None
    for cell in cells:
        defined = cell.numbers[~np.isnan(cell.draws).any(axis=0)]
        shared = defined if shared is None else np.intersect1d(shared, defined)
    return shared, [cell.draws[:, np.isin(cell.numbers, shared)] for cell in cells]


def _of_groups(numbers: np.ndarray, draws: list[np.ndarray]) -> _Moves:
    """Shifts by groups and by pairs of groups, of the partitions that are complete."""
    partition = (numbers - GROUP_DRAWS) // PARTITION_DRAWS
    whole, count = np.unique(partition, return_counts=True)
    complete = np.isin(partition, whole[count == PARTITION_DRAWS])
    partitions = int(complete.sum()) // PARTITION_DRAWS
    moved, pairs = [], []
    for each in draws:
        table = each[:, complete].reshape(len(each), partitions, PARTITION_DRAWS)
        alone, both = table[..., :GROUPS], table[..., GROUPS:]
        together = (GROUPS - 2) * both - (GROUPS - 1) * (alone[..., ::2] + alone[..., 1::2])
        for shifts, values in ((moved, alone), (pairs, together / GROUPS)):
            centred = values - values.mean(axis=2, keepdims=True)
            shifts.append(centred.reshape(len(each), -1))
    scale = (GROUPS - 1) / (GROUPS * max(partitions, 1))
    # G (G − 1) / 2 pairs, of which G / 2 were drawn, around their mean.
    pair_scale = GROUPS * (GROUPS - 1) / ((GROUPS - 2) * max(partitions, 1))
    pair_degrees = partitions * (GROUPS // 2 - 1)
    degrees = partitions * (GROUPS - 1)
    return _Moves(GROUPED, moved, scale, degrees, pairs, pair_scale, pair_degrees)


def _left_out(cells: list[SetCell]) -> tuple[list[np.ndarray], int]:
    """Shifts by clusters: `[seed, cluster]` for each cell, and the number of clusters.

    A prompt that counts in only one cell does not shift the other. Prompts without which a value is
    undefined are left out of all cells.
    """
    prompts = np.unique(np.concatenate([cell.prompts for cell in cells]))
    clusters = np.zeros(len(prompts), dtype=np.int64)
    values = []
    for cell in cells:
        place = np.searchsorted(prompts, cell.prompts)
        clusters[place] = cell.clusters
        whole = np.repeat(cell.full[:, None], len(prompts), axis=1)
        whole[:, place] = cell.left_out
        values.append(whole)
    defined = ~np.isnan(np.concatenate(values)).any(axis=0)
    number = int(defined.sum())
    moved = []
    for whole in values:
        kept = whole[:, defined]
        centre = kept.mean(axis=1, keepdims=True) if number else 0.0
        each = (number - 1) * (centre - kept) / max(number, 1)
        moved.append(cluster_sums(clusters[defined], each))
    return moved, moved[0].shape[1]
