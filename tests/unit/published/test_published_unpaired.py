"""The published tests are those of scipy that they say they are."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy import stats

from manybaskets.published.unpaired_tests import kruskal_wallis, levene, mann_whitney

RNG = np.random.default_rng(3)
SAMPLES = [
    np.round(RNG.normal(shift, 1 + shift, 40 + 10 * i), 1) for i, shift in enumerate((0, 0.3, 1))
]


def test_every_label_matches_the_function_called():
    h, p = stats.kruskal(*SAMPLES)
    assert kruskal_wallis(SAMPLES) == {"kruskal_H": h, "kruskal_p": p}
    w, p = stats.levene(*SAMPLES, center="median")
    assert levene(SAMPLES) == {"levene_W": w, "levene_p": p}
    found = mann_whitney(SAMPLES[0], SAMPLES[2])
    u, p = stats.mannwhitneyu(SAMPLES[0], SAMPLES[2], alternative="two-sided")
    assert (found["mannwhitney_U"], found["mannwhitney_p"]) == (u, p)
    assert found["mannwhitney_U_of_second"] == stats.mannwhitneyu(SAMPLES[2], SAMPLES[0]).statistic


def test_u_counts_pairs_and_h_of_two_groups_is_no_u():
    first, second = SAMPLES[:2]
    by_hand = sum((a > b) + 0.5 * (a == b) for a in first for b in second)
    assert mann_whitney(first, second)["mannwhitney_U"] == by_hand
    ranks = stats.rankdata(np.concatenate([first, second]))
    n = len(ranks)
    sums = [ranks[: len(first)].sum(), ranks[len(first) :].sum()]
    h = 12 / (n * (n + 1)) * sum(s**2 / len(x) for s, x in zip(sums, (first, second), strict=True))
    _, ties = np.unique(ranks, return_counts=True)
    h = (h - 3 * (n + 1)) / (1 - (ties**3 - ties).sum() / (n**3 - n))
    assert kruskal_wallis([first, second])["kruskal_H"] == pytest.approx(h)


def test_samples_that_leave_a_test_undefined_give_nothing_and_no_warning():
    flat, empty = np.ones(5), np.zeros(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert kruskal_wallis([flat, flat]) == {}
        assert kruskal_wallis([SAMPLES[0], empty]) == {}
        assert mann_whitney(SAMPLES[0], empty) == {}
        assert levene([flat, 2 * flat]) == {} and levene([flat]) == {}
        assert levene([np.array([1.0]), np.array([2.0, 4.0])]) == {}
        assert mann_whitney(flat, flat)["mannwhitney_p"] == 1
