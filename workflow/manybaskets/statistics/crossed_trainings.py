"""Variances between trainings of means over crossed factors, moderated over all conditions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from manybaskets.statistics.bootstrap import Seeds
from manybaskets.statistics.components import answer_variance
from manybaskets.statistics.crossed import CrossedMean, cell_influences, crossed_mean
from manybaskets.statistics.moderation import (
    Trainings,
    are_shares,
    training_components,
    unit_of_share,
)
from manybaskets.statistics.trainings import trainings


def moderated_means(
    values: Mapping[str, np.ndarray],
    templates: np.ndarray,
    bases: np.ndarray,
    target: str,
) -> dict[str, CrossedMean]:
    """The means of all conditions over the same rows, with moderated variances between trainings.

    Args:
        values: `[seed, row]` of every condition, without NaN.
        templates, bases: as for `crossed_mean`.
        target: the target; its untuned condition has no trainings.
    """
    means = {
        mix: crossed_mean(each, templates, bases, (target, mix)) for mix, each in values.items()
    }
    trained = [mix for mix in values if trainings(target, mix, 1) is not None]
    shares = are_shares(values.values())
    runs = [_trainings(values[mix], templates, bases, means[mix], shares) for mix in trained]
    pooled = float(sum(len(each.values) - 1 for each in runs))
    for mix, component in zip(trained, training_components(runs), strict=True):
        if component is not None:
            seeds = Seeds(((target, mix),), component.variance, component.degrees, pooled)
            means[mix] = replace(means[mix], seeds=seeds)
    return means


def _trainings(
    values: np.ndarray, templates: np.ndarray, bases: np.ndarray, mean: CrossedMean, shares: bool
) -> Trainings:
    """The mean of every seed, and its variance by chance in single answers."""
    each = [crossed_mean(row[None], templates, bases, ()) for row in values]
    moved = np.stack([cell_influences(one.sums, one.counts) for one in each]).reshape(len(each), -1)
    cells = mean.counts.size
    answers = answer_variance(moved, cells / max(cells - 1, 1))
    unit = unit_of_share(mean.value, values.size) if shares else 1.0
    return Trainings(np.array([one.value for one in each]), answers, unit)
