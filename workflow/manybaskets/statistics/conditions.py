"""All conditions of a measure together: incomplete rows, variances between trainings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

import numpy as np

from manybaskets.statistics.bootstrap import Mean, Seeds
from manybaskets.statistics.cells import CellKey, PromptCell
from manybaskets.statistics.clusters import cluster_sums
from manybaskets.statistics.components import answer_variance, influences
from manybaskets.statistics.incomplete import completed
from manybaskets.statistics.moderation import (
    Trainings,
    are_shares,
    training_components,
    unit_of_share,
)
from manybaskets.statistics.trainings import trainings


@dataclass(frozen=True)
class Conditions:
    """Every condition of one measure, target and prompt set.

    `values[mix][seed, prompt]` are on the same prompts, NaN where missing; `means` are those for
    paired differences, without conditions that have no values or no prompts in common with others.
    """

    values: Mapping[str, np.ndarray]
    means: Mapping[str, Mean]

    def pair(self, mix: str, baseline: str) -> tuple[np.ndarray, np.ndarray]:
        """Values of both, each the mean over seeds, on the prompts where both have any."""
        sides = [self.values[name] for name in (mix, baseline)]
        both = reduce(np.logical_and, [(~np.isnan(side)).any(axis=0) for side in sides])
        first, second = (np.nanmean(side[:, both], axis=0) for side in sides)
        return first, second

    def missing(self, mix: str, baseline: str) -> int:
        """Values of either that are missing on the prompts where both have any."""
        sides = np.concatenate([self.values[name] for name in (mix, baseline)])
        numbers = [(~np.isnan(self.values[name])).any(axis=0) for name in (mix, baseline)]
        return int(np.isnan(sides[:, numbers[0] & numbers[1]]).sum())

    @property
    def prompts(self) -> int:
        """Number of prompts of any condition."""
        return next(iter(self.values.values())).shape[1]


def pooled_conditions(cell_of: Mapping[CellKey, object], key: CellKey) -> Conditions:
    """All conditions with the measure, target and prompt set of a cell.

    Args:
        cell_of: as `cells` gives them.
        key: of any of the cells; all of them have values per prompt.
    """
    measure, model, _, prompt_set = key
    members: dict[str, PromptCell] = {
        other[2]: cell
        for other, cell in cell_of.items()
        if (other[0], other[1], other[3]) == (measure, model, prompt_set)
    }
    prompts = reduce(np.union1d, [cell.prompts for cell in members.values()])
    clusters = np.zeros(len(prompts), dtype=np.int64)
    values = {}
    for mix, cell in members.items():
        place = np.searchsorted(prompts, cell.prompts)
        clusters[place] = cell.clusters
        values[mix] = np.full((len(cell.seeds), len(prompts)), np.nan)
        values[mix][:, place] = cell.values
    there = ~np.isnan(np.concatenate(list(values.values()))).all(axis=0)
    means = condition_means(
        {mix: each[:, there] for mix, each in values.items()},
        clusters[there],
        {mix: trainings(model, mix, 1) is not None for mix in values},
        model,
    )
    return Conditions(values, means)


def condition_means(
    values: Mapping[str, np.ndarray],
    clusters: np.ndarray,
    trained: Mapping[str, bool],
    model: str = "",
) -> dict[str, Mean]:
    """The mean of every condition over its runs and the prompts, for paired differences.

    All rows count (`incomplete.completed`), and the variance between the trainings of a condition
    is moderated over all conditions (`moderation.training_components`); of values that are all 0 or 1
    as of shares.

    Args:
        values: `[seed, prompt]` of every condition on the same prompts, NaN where missing. Every
            prompt has a value.
        clusters: cluster code of every prompt.
        trained: whether a condition was trained; the untuned model and sources were not.
        model: name of the target, for its draws.

    Returns:
        Conditions whose runs have values and are connected with the others by common prompts.
    """
    runs = [
        (name, each[seed])
        for name, each in values.items()
        for seed in range(len(each))
        if not np.isnan(each[seed]).all()
    ]
    if not runs:
        return {}
    table = completed(np.stack([each for _, each in runs]))
    sizes = cluster_sums(clusters, np.ones(len(clusters)))
    rows_of: dict[str, list[int]] = {}
    for row, (name, _) in enumerate(runs):
        if not np.isnan(table[row, 0]):
            rows_of.setdefault(name, []).append(row)
    sums = {name: cluster_sums(clusters, table[rows]) for name, rows in rows_of.items()}
    trained_sums = {name: each for name, each in sums.items() if trained[name]}
    seeds = _seeds(trained_sums, sizes, model, are_shares(values.values()))
    return {name: Mean(each.mean(axis=0), sizes, seeds.get(name)) for name, each in sums.items()}


def _seeds(
    sums: Mapping[str, np.ndarray], sizes: np.ndarray, model: str, shares: bool
) -> dict[str, Seeds]:
    """Variance between trainings of every trained condition, from `sums[mix][seed, cluster]`."""
    scale = len(sizes) / max(len(sizes) - 1, 1)
    number = int(sizes.sum())
    runs = []
    for each in sums.values():
        values = each.sum(axis=1) / number
        unit = unit_of_share(float(values.mean()), number * len(values)) if shares else 1.0
        runs.append(Trainings(values, answer_variance(influences(each, sizes), scale), unit))
    pooled = float(sum(len(each.values) - 1 for each in runs))
    return {
        name: Seeds(((model, name),), component.variance, component.degrees, pooled)
        for name, component in zip(sums, training_components(runs), strict=True)
        if component is not None
    }
