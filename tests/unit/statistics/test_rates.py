"""Intervals of shares against statsmodels, and their coverage under clusters and seeds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from simulated_studies import Refusals
from statsmodels.stats.proportion import proportion_confint

from manybaskets.statistics.bootstrap import Mean
from manybaskets.statistics.rates import newcombe, wilson, wilson_of


@pytest.mark.parametrize(("right", "number"), [(0, 20), (1, 20), (7, 30), (48, 48), (700, 1502)])
def test_wilson_agrees_with_statsmodels(right: int, number: int) -> None:
    expected = proportion_confint(right, number, method="wilson")
    z = stats.norm.ppf(0.975)
    assert wilson(right / number, number, z) == pytest.approx(expected, abs=1e-12)
    values = np.array([1.0] * right + [0.0] * (number - right))
    found = wilson_of(Mean(values, np.ones(number)), number, 0.95)
    assert found == pytest.approx(expected, abs=1e-12)


def test_copies_of_a_prompt_count_once() -> None:
    values = np.array([1.0] * 12 + [0.0] * 18)
    single = wilson_of(Mean(values, np.ones(30)), 30, 0.95)
    fivefold = wilson_of(Mean(5 * values, np.full(30, 5.0)), 150, 0.95)
    # The variance over 30 clusters has 29 in place of 30, and the interval is wider for it.
    assert fivefold == pytest.approx(single, abs=0.005)
    assert wilson_of(Mean(np.zeros(30), np.full(30, 5.0)), 150, 0.95) == pytest.approx(
        proportion_confint(0, 30, method="wilson"), abs=1e-12
    )


def test_newcombe_is_built_from_the_limits_of_both() -> None:
    first, second = Mean(np.ones(40), np.ones(40)), Mean(np.zeros(40), np.ones(40))
    low, high = newcombe(first, second, 0.95)
    lower = proportion_confint(40, 40, method="wilson")[0]
    upper = proportion_confint(0, 40, method="wilson")[1]
    assert high == pytest.approx(1.0)
    assert low == pytest.approx(1 - np.hypot(1 - lower, upper))


DESIGNS = [
    Refusals(0.1),
    Refusals(0.02),
    Refusals(0.3, largest=4),
    Refusals(0.3, seeds=3),
    Refusals(0.3, seeds=3, training=0.5),
]


@pytest.mark.parametrize("design", DESIGNS, ids=lambda d: f"{d.share}-{d.largest}-{d.training}")
def test_intervals_of_shares_cover(design: Refusals) -> None:
    """95 % intervals, over 600 studies of refusals."""
    rng = np.random.default_rng(11)
    covered = []
    for study in range(600):
        mean, answers = design.mean(rng, str(study))
        low, high = wilson_of(mean, answers, 0.95)
        covered.append(low <= design.share <= high)
    assert 0.92 <= np.mean(covered) <= 0.985


@pytest.mark.parametrize("number", [3, 20, 24, 71, 886])
def test_none_and_all_have_an_exact_end(number):
    assert wilson(0.0, number, 1.959964)[0] == 0.0
    assert wilson(1.0, number, 1.959964)[1] == 1.0
