"""Variances between trainings, moderated over conditions: against scipy and the published model."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, optimize, special, stats

from manybaskets.statistics.moderation import (
    Prior,
    Trainings,
    are_shares,
    fit_prior,
    inverse_trigamma,
    training_components,
    unit_of_share,
)


@pytest.mark.parametrize("value", [1e-4, 0.03, 0.5, 1.645, 20.0, 1e4])
def test_the_inverse_of_trigamma_is_that_of_scipy(value: float) -> None:
    expected = optimize.brentq(lambda x: special.polygamma(1, x) - value, 1e-5, 1e6, xtol=1e-14)
    assert inverse_trigamma(value) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("d0", [5.0, 8.0])
def test_the_prior_of_many_conditions_is_found(d0: float) -> None:
    """σ² = d₀ s₀² / χ²(d₀) and s² = σ² χ²(d) / d, as Smyth 2004 has it."""
    rng = np.random.default_rng(1)
    degrees = rng.integers(2, 7, 200_000)
    variances = d0 * 0.3 / rng.chisquare(d0, len(degrees)) * rng.chisquare(degrees) / degrees
    prior = fit_prior(variances, degrees)
    assert prior.variance == pytest.approx(0.3 * d0 / (d0 - 2), rel=0.03)  # mean of all σ²
    assert prior.degrees == pytest.approx(d0, rel=0.06)
    assert prior.pooled == degrees.sum()


def test_a_moderated_variance_is_that_of_the_posterior() -> None:
    """1 / E(1 / σ² | s²), by integration over the prior times the likelihood."""
    prior, s2, d = Prior(0.3, 5.0, 40.0), 1.1, 2

    def weight(precision: float) -> float:
        before = stats.gamma.pdf(precision, prior.degrees / 2, scale=2 / (5.0 * 0.3))
        return before * stats.chi2.pdf(d * s2 * precision, d) * d * precision

    mean = integrate.quad(lambda x: x * weight(x), 0, 60)[0] / integrate.quad(weight, 0, 60)[0]
    found = prior.moderated(s2, d)
    assert found.variance == pytest.approx(1 / mean, rel=1e-6)
    assert found.degrees == 7.0
    assert Prior(0.3, 5.0, 6.0).moderated(s2, d).degrees == 6.0  # no more than all have together


def test_conditions_that_agree_are_pooled() -> None:
    variances, degrees = [1.0, 1.1, 0.9, 1.0], [2, 2, 2, 4]
    prior = fit_prior(variances, degrees)
    assert np.isinf(prior.degrees)
    expected = np.average(variances, weights=degrees)
    assert prior.moderated(1.1, 2).variance == pytest.approx(expected)
    assert prior.moderated(1.1, 2).degrees == 10
    assert prior.moderated().degrees == 10  # a condition with one training


def test_without_two_trainings_of_anything_nothing_is_known() -> None:
    assert fit_prior([0.0, 0.0], [0, 0]) is None
    once = Trainings(np.array([1.0]), float("nan"))
    assert training_components([once, once]) == [None, None]


def test_one_training_has_the_variance_of_the_others() -> None:
    several = Trainings(np.array([0.0, 1.0, 2.0]), 0.1)
    once = Trainings(np.array([5.0]), float("nan"))
    of_several, of_once = training_components([several, once])
    assert of_several.variance == pytest.approx((1.0 - 0.1) / 3)
    assert of_once.variance == pytest.approx(1.0 - 0.1)
    assert of_several.degrees == of_once.degrees == 2


def test_a_condition_that_is_far_less_stable_than_others_keeps_its_own_variance() -> None:
    calm = [Trainings(np.array([0.0, 0.1, 0.2]) + shift, 0.0) for shift in range(5)]
    wild = Trainings(np.array([-3.0, 0.0, 3.0]), 0.0)
    components = training_components([*calm, wild])
    assert components[-1].variance == pytest.approx(9.0 / 3) and components[-1].degrees == 2
    assert components[0].variance < 0.5


def test_what_shares_have_in_common_is_their_overdispersion() -> None:
    """A mix that hardly ever refuses is not as uncertain as those that do so half of the time."""
    common, rare = np.array([0.3, 0.5, 0.7]), np.array([0.0, 0.01, 0.11])
    half, few = unit_of_share(0.5, 300), unit_of_share(0.04, 300)
    assert half == pytest.approx(0.25) and few == pytest.approx(0.04 * 0.96, rel=0.1)
    of_half, of_few = training_components([Trainings(common, 0.0, half), Trainings(rare, 0.0, few)])
    assert of_half.variance / of_few.variance == pytest.approx(half / few)
    dispersions = [np.var(each, ddof=1) / unit for each, unit in ((common, half), (rare, few))]
    assert of_few.variance == pytest.approx(few * np.mean(dispersions) / 3)
    as_means = training_components([Trainings(common, 0.0), Trainings(rare, 0.0)])
    assert as_means[1].variance > 2 * of_few.variance


def test_a_share_of_none_or_all_can_still_vary() -> None:
    none = unit_of_share(0.0, 144)
    assert 0 < none < 0.01 and none == pytest.approx(unit_of_share(1.0, 144))


@pytest.mark.parametrize(
    ("values", "shares"),
    [([0, 1, np.nan], True), ([0, 0.5, 1], False), ([2, 0, 1], False), ([np.nan], True)],
)
def test_shares_are_known_by_their_values(values, shares) -> None:
    assert are_shares([np.array([0.0, 1.0]), np.array(values, dtype=float)]) is shares


def test_chance_in_single_answers_is_not_counted_twice() -> None:
    still = Trainings(np.array([0.0, 1.0, 2.0]), 1.5)
    assert training_components([still, still])[0].variance == 0.0
