"""Variance of set-level measures over prompts and training seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from manybaskets.statistics.cells import SetCell
from manybaskets.statistics.clusters import cluster_sums
from manybaskets.statistics.components import VarianceComponent, seed_variance, total

HALVES, JACKKNIFE = "half-samples of prompts", "jackknife over prompts"


@dataclass(frozen=True)
class Spread:
    """The variance of a set-level value, or of a difference, and its units.

    `units` are the half-samples or the clusters; below 2 there is no variance. `components` are the
    variance components over prompts and, for several trainings, over seeds.
    """

    method: str
    units: int
    components: tuple[VarianceComponent, ...] = ()

    @property
    def error(self) -> float:
        """The standard error."""
        return float(np.sqrt(sum(component.variance for component in self.components)))


def spread(first: SetCell, second: SetCell | None = None) -> Spread:
    """The variance of a set-level value, or of the difference between two.

    Half-samples: the variance of the draws (of the differences on the same draws) is that of the
    value, as in a delete-half jackknife; their level is not used, because it depends on the number
    of prompts. Left-out prompts: with n prompts, the value θ and θ₍ₚ₎ without prompt p, a prompt
    shifts the value by (n − 1) (θ̄ − θ₍ₚ₎) / n; the shifts of a cluster's prompts are added, and
    the variance is C / (C − 1) Σ (sum of a cluster)² over C clusters. This is the delete-one
    jackknife if every cluster is one prompt. A difference leaves the same prompt out of both. In
    both cases the trainings add their own variance (`components.seed_variance`). Source: Efron &
    Tibshirani 1993, chapters 11 and 12; Shao & Wu 1989 for the half-samples.
    """
    cells = [first] if second is None else [first, second]
    moved, scale, units, method = _moves(cells)
    if units < 2:
        return Spread(method, units)
    signs = (1.0, -1.0)
    together = sum(sign * each.mean(axis=0) for sign, each in zip(signs, moved, strict=False))
    limits = [cell.used for cell in cells if cell.used is not None and method == HALVES]
    prompts = VarianceComponent(scale * float((together**2).sum()), min([units, *limits]) - 1)
    trainings = [
        VarianceComponent(seed_variance(cell.full, each, scale), len(cell.seeds) - 1)
        for cell, each in zip(cells, moved, strict=True)
        if len(cell.seeds) > 1
    ]
    return Spread(method, units, (prompts, total(trainings)) if trainings else (prompts,))


def _moves(cells: list[SetCell]) -> tuple[list[np.ndarray], float, int, str]:
    """Shift of each seed's value by each draw or cluster, and the scale of their squares."""
    if all(len(cell.prompts) for cell in cells):
        moved, clusters = _left_out(cells)
        return moved, clusters / max(clusters - 1, 1), clusters, JACKKNIFE
    draws = _common_draws(cells)
    number = draws[0].shape[1]
    if not number:
        return draws, 0.0, 0, HALVES
    moved = [each - each.mean(axis=1, keepdims=True) for each in draws]
    return moved, 1 / max(number - 1, 1), number, HALVES


def _common_draws(cells: list[SetCell]) -> list[np.ndarray]:
    """Values on half-samples on which all cells are defined in all seeds."""
    shared = None
    for cell in cells:
        defined = cell.numbers[~np.isnan(cell.draws).any(axis=0)]
        shared = defined if shared is None else np.intersect1d(shared, defined)
    return [cell.draws[:, np.isin(cell.numbers, shared)] for cell in cells]


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
