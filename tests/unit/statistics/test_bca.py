"""The bootstrap over clusters and seeds: against scipy, against a loop, and by coverage."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from simulated_studies import Design

from manybaskets.statistics.bootstrap import Mean, bca, difference_of, mean_of, seed_shift, weights


def one(mean: Mean, resamples: int = 9999, confidence: float = 0.95) -> tuple[float, float]:
    return bca([mean], resamples, confidence, 1)[0]


@pytest.mark.parametrize("size", [200, 1502])
def test_intervals_agree_with_scipy(size: int) -> None:
    values = np.random.default_rng(size).lognormal(0.0, 1.0, size)
    expected = stats.bootstrap(
        (values,), np.mean, n_resamples=9999, method="BCa", rng=np.random.default_rng(2)
    ).confidence_interval
    low, high = one(Mean(values, np.ones(size)))
    width = expected.high - expected.low
    # Monte Carlo, and the wider tails of few clusters: 0.9 % of a half-width at 200.
    assert low == pytest.approx(expected.low, abs=0.035 * width)
    assert high == pytest.approx(expected.high, abs=0.035 * width)
    percentile = stats.bootstrap(
        (values,), np.mean, n_resamples=9999, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    assert high > percentile.high  # what BCa is for: the long tail is on the right


def test_intervals_are_those_of_a_plain_loop_over_clusters() -> None:
    """Every step by hand, on the same resamples: ratio of sums, bias, acceleration, quantiles."""
    rng = np.random.default_rng(5)
    sizes = rng.integers(1, 5, 30).astype(float)
    sums = rng.gamma(2.0, size=30) * sizes
    resamples, estimate = 999, sums.sum() / sizes.sum()
    drawn = np.concatenate(list(weights(30, resamples, 1)))
    assert (drawn.sum(axis=1) == 30).all() and drawn.shape == (resamples, 30)
    means = np.array([(line * sums).sum() / (line * sizes).sum() for line in drawn])
    bias = stats.norm.ppf((means < estimate).mean())
    moved = (sums - estimate * sizes) / sizes.sum()
    acceleration = (moved**3).sum() / (6 * (moved**2).sum() ** 1.5)
    tail = stats.t.ppf(0.975, 29) * np.sqrt(30 / 29)
    levels = [
        stats.norm.cdf(bias + (bias + z) / (1 - acceleration * (bias + z))) for z in (-tail, tail)
    ]
    assert one(Mean(sums, sizes), resamples) == pytest.approx(np.quantile(means, levels))


def test_influences_are_the_jackknife_for_clusters_of_one() -> None:
    values = np.random.default_rng(6).exponential(size=40)
    without = np.array([np.delete(values, place).mean() for place in range(40)])
    moved = without.mean() - without
    expected = (moved**3).sum() / (6 * (moved**2).sum() ** 1.5)
    skewness = stats.skew(values) / (6 * np.sqrt(40))
    assert expected == pytest.approx(skewness)


def test_all_means_share_their_resamples() -> None:
    values = np.random.default_rng(7).normal(size=(5, 60))
    together = bca([Mean(each, np.ones(60)) for each in values], 500, 0.95, 1)
    assert together == [pytest.approx(one(Mean(each, np.ones(60)), 500)) for each in values]
    other = bca([Mean(values[0], np.ones(60))], 500, 0.95, 2)
    assert other[0] != together[0]


def test_a_cluster_of_copies_counts_once() -> None:
    values = np.random.default_rng(8).normal(size=50)
    single = one(Mean(values, np.ones(50)))
    fourfold = one(Mean(values * 4, np.full(50, 4.0)))
    assert fourfold == pytest.approx(single)


def test_resamples_that_equal_the_mean_count_half() -> None:
    """A tenth of the resamples of these differences has exactly their mean; none is biased."""
    values = np.array([1.0] * 6 + [-1.0] * 6 + [0.0] * 28)
    low, high = one(Mean(values, np.ones(40)), 99_999)
    assert low == pytest.approx(-high) and 4 / 40 < high < 8 / 40
    drawn = np.concatenate(list(weights(40, 2000, 1))) @ values
    assert (drawn == 0).mean() > 0.08


def test_little_is_said_of_little() -> None:
    assert bca([Mean(np.array([3.0]), np.array([1.0]))], 99, 0.95, 1) == [None]
    assert one(Mean(np.full(20, 0.7), np.ones(20))) == pytest.approx((0.7, 0.7), abs=1e-12)
    assert bca([], 99, 0.95, 1) == []


def test_seeds_move_means_as_t_does() -> None:
    values = np.array([[1.0] * 40, [2.0] * 40, [6.0] * 40])
    mean = mean_of(values, np.ones(40), ("m", "a"))
    error = np.std([1, 2, 6], ddof=1) / np.sqrt(3)
    assert mean.seeds.degrees == 2 and mean.seeds.variance == pytest.approx(error**2)
    shift = seed_shift(mean, 9999, 1)
    assert np.quantile(shift, 0.975) == pytest.approx(stats.t.ppf(0.975, 2) * error, rel=0.01)
    half = (np.array([-1, 1]) * stats.t.ppf(0.975, 2) * error) + 3
    assert one(mean) == pytest.approx(tuple(half), rel=0.02)
    other = mean_of(values * 2, np.ones(40), ("m", "b"))
    both = difference_of(mean, other).seeds
    assert both.variance == pytest.approx(5 * error**2)
    assert both.degrees == pytest.approx(5**2 / (1 / 2 + 4**2 / 2))
    assert not np.array_equal(seed_shift(other, 9999, 1), 2 * shift)  # other trainings


def test_chance_of_single_answers_is_no_variance_of_trainings() -> None:
    rng = np.random.default_rng(9)
    found = [
        mean_of(rng.normal(0, 3, (3, 100)), np.ones(100), ("m", str(time))).seeds.variance
        for time in range(300)
    ]
    # Without the correction the mean is 9 / 300; with it, half of the estimates are 0.
    assert np.mean(found) < 0.6 * 9 / 300 and 0.4 < np.mean(np.array(found) == 0) < 0.8


COVERED = [
    Design(60),
    Design(60, skewed=True),
    Design(25, largest=4, skewed=True),
    Design(100, largest=6),
    Design(60, seeds=(3, 1), training=0.2, skewed=True),
    Design(60, seeds=(3, 3), training=0.4),
    Design(60, seeds=(5, 5), training=0.2, answer=2.0),
    Design(60, seeds=(3, 3), answer=2.0),
]


@pytest.mark.parametrize("design", COVERED, ids=lambda d: f"{d.clusters}-{d.largest}-{d.seeds}")
def test_intervals_cover_the_truth(design: Design) -> None:
    """95 % intervals, over 600 studies: sd of the coverage 0.9 points."""
    rng = np.random.default_rng(10)
    means = [design.difference(rng, str(time)) for time in range(600)]
    limits = np.array(bca(means, 999, 0.95, 1))
    covered = ((limits[:, 0] <= 0) & (limits[:, 1] >= 0)).mean()
    assert 0.92 <= covered <= 0.985


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), seeds=st.integers(1, 4))
def test_intervals_contain_the_mean_and_mirror(seed: int, seeds: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 4, 15).astype(float)
    a, b = (mean_of(rng.gamma(2, size=(seeds, 15)), sizes, ("m", name)) for name in "ab")
    there, back = one(difference_of(a, b), 300), one(difference_of(b, a), 300)
    assert there[0] <= a.value - b.value <= there[1]
    if seeds == 1:  # the draws of several seeds stand in one order, whatever is taken from what
        assert there == pytest.approx((-back[1], -back[0]), abs=1e-9)
