"""Sign-flip tests: against enumeration, at their level, under clusters and several trainings."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from simulated_studies import Design

from manybaskets.statistics.bootstrap import Mean
from manybaskets.statistics.signs import sign_flip_p


def test_p_is_that_of_all_sign_patterns_of_the_clusters() -> None:
    rng = np.random.default_rng(1)
    sizes = np.array([1, 3, 2, 1, 4, 1, 2, 1, 1, 2], dtype=float)
    sums = rng.normal(0.3, 1, 10) * sizes
    patterns = np.array(list(product((-1, 1), repeat=10)))
    expected = (np.abs(patterns @ sums) >= abs(sums.sum()) - 1e-12).mean()
    assert 0.02 < expected < 0.9
    assert sign_flip_p([Mean(sums, sizes)], 20_000, 1)[0] == pytest.approx(expected, abs=0.01)


def test_tests_share_patterns_and_do_not_disturb_each_other() -> None:
    rng = np.random.default_rng(2)
    means = [Mean(rng.normal(0.2, 1, size), np.ones(size)) for size in (30, 20, 30)]
    together = sign_flip_p(means, 999, 1)
    assert together == [sign_flip_p([each], 999, 1)[0] for each in means]
    assert sign_flip_p([], 999, 1) == []


LEVELS = [
    (Design(60), 0.03, 0.07),
    (Design(60, skewed=True), 0.03, 0.07),
    (Design(40, largest=4), 0.03, 0.07),
    (Design(60, seeds=(3, 1), training=0.3), 0.015, 0.07),
    (Design(60, seeds=(3, 3), training=0.3), 0.005, 0.07),
]


@pytest.mark.parametrize(("design", "fewest", "most"), LEVELS)
def test_no_difference_is_called_one_as_often_as_said(design, fewest, most) -> None:
    """p < .05 in 3 to 7 % of 1,000 studies; with few trainings, in at most that."""
    rng = np.random.default_rng(12)
    means = [design.difference(rng, str(time)) for time in range(1000)]
    share = (np.array(sign_flip_p(means, 499, 1)) < 0.05).mean()
    assert fewest <= share <= most


def test_trainings_that_differ_are_no_difference_of_mixes() -> None:
    """Given the three trainings alone, most of these studies would show one."""
    design = Design(60, seeds=(3, 3), training=1.0, answer=0.2)
    rng = np.random.default_rng(13)
    means = [design.difference(rng, str(time)) for time in range(300)]
    these = [Mean(each.sums, each.sizes) for each in means]
    assert (np.array(sign_flip_p(these, 499, 1)) < 0.05).mean() > 0.4
    assert (np.array(sign_flip_p(means, 499, 1)) < 0.05).mean() <= 0.075


def test_power() -> None:
    rng = np.random.default_rng(14)
    for design in (Design(100, truth=0.4), Design(100, truth=0.5, seeds=(3, 3), training=0.05)):
        means = [design.difference(rng, str(time)) for time in range(200)]
        assert (np.array(sign_flip_p(means, 499, 1)) < 0.05).mean() > 0.8
