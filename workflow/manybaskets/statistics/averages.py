"""Weighted means of conditions, compared as conditions of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce

import numpy as np

from manybaskets.statistics.bootstrap import Mean, Seeds, seeds_together
from manybaskets.statistics.cells import CellKey, PromptCell, SetCell
from manybaskets.statistics.conditions import Conditions

Cell = PromptCell | SetCell
Averages = Mapping[str, Mapping[str, float]]  # by name the weights of the mixes, which sum to 1


def cells_with_averages(cell_of: Mapping[CellKey, Cell], averages: Averages) -> dict[CellKey, Cell]:
    """All cells, and those of every average whose mixes were all measured.

    An average has one row of values, the weighted means of its mixes' means over seeds, and the
    seeds of the mix that was trained least.
    """
    found = dict(cell_of)
    for measure, model, prompt_set in {(key[0], key[1], key[3]) for key in cell_of}:
        for name, shares in averages.items():
            members = [cell_of.get((measure, model, mix, prompt_set)) for mix in shares]
            known = [member for member in members if member is not None]
            if len(known) == len(members):
                found[measure, model, name, prompt_set] = _average(known, list(shares.values()))
    return found


def _average(members: Sequence[Cell], weights: Sequence[float]) -> Cell:
    prompts = reduce(np.intersect1d, [member.prompts for member in members])
    clusters = members[0].clusters[np.searchsorted(members[0].prompts, prompts)]
    seeds = min((member.seeds for member in members), key=len)
    if isinstance(members[0], PromptCell):
        values = [member.values[:, np.isin(member.prompts, prompts)] for member in members]
        return PromptCell(seeds, prompts, clusters, _weighted(values, weights))
    numbers = reduce(np.intersect1d, [member.numbers for member in members])
    draws = [member.draws[:, np.isin(member.numbers, numbers)] for member in members]
    left_out = [member.left_out[:, np.isin(member.prompts, prompts)] for member in members]
    used, excluded = [member.used for member in members], [member.excluded for member in members]
    return SetCell(
        seeds=seeds,
        full=_of_sets([member.full for member in members], weights),
        numbers=numbers,
        draws=_of_sets(draws, weights),
        prompts=prompts,
        clusters=clusters,
        left_out=_of_sets(left_out, weights),
        used=None if None in used else min(used),
        excluded=None if None in excluded else max(excluded),
    )


def _of_sets(values: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    """`[1, …]`: the weighted mean of means over seeds, NaN where a seed of one member has none."""
    return np.tensordot(weights, np.stack([each.mean(axis=0) for each in values]), axes=1)[None]


def _weighted(values: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    """`[1, …]`: the weighted mean of means over seeds, NaN where one of the members has no value."""
    means = []
    for each in values:
        there = ~np.isnan(each)
        number = there.sum(axis=0)
        sums = np.where(there, each, 0.0).sum(axis=0)
        means.append(np.where(number > 0, sums / np.maximum(number, 1), np.nan))
    return np.tensordot(weights, np.stack(means), axes=1)[None]


def conditions_with_averages(conditions: Conditions, averages: Averages) -> Conditions:
    """Conditions, and averages of some of them: values, means and variances between trainings.

    Missing values remove themselves as in the mixes of an average: its mean is that of theirs.
    """
    values, means = dict(conditions.values), dict(conditions.means)
    for name, shares in averages.items():
        if all(mix in conditions.values for mix in shares):
            weights = list(shares.values())
            values[name] = _weighted([conditions.values[mix] for mix in shares], weights)
        if all(mix in conditions.means for mix in shares):
            members = [conditions.means[mix] for mix in shares]
            sums = np.tensordot(list(shares.values()), np.stack([each.sums for each in members]), 1)
            seeds = average_seeds({mix: conditions.means[mix].seeds for mix in shares}, shares)
            means[name] = Mean(sums, members[0].sizes, seeds)
    return Conditions(values, means)


def average_seeds(seeds: Mapping[str, Seeds | None], shares: Mapping[str, float]) -> Seeds | None:
    """Variance that the trainings of all mixes add to their weighted mean."""
    found = [
        replace(each, variance=each.variance * share**2)
        for mix, share in shares.items()
        if (each := seeds.get(mix)) is not None
    ]
    return seeds_together(found)
