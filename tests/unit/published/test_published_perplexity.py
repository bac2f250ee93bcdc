"""Published statistics of perplexities, and their fences per condition."""

from __future__ import annotations

import statistics as plain
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manybaskets.published.perplexity import statistics, within_fences

PERPLEXITIES = st.lists(st.floats(1.0, 1e6), min_size=3, max_size=40)


@given(values=PERPLEXITIES)
def test_statistics_equal_those_of_the_standard_library(values):
    sample, population = (statistics(np.array(values), ddof) for ddof in (1, 0))
    assert sample["n"] == population["n"] == len(values)
    assert sample["mean"] == pytest.approx(plain.fmean(values), rel=1e-12)
    assert sample["median"] == plain.median(values)
    close = {"rel": 1e-9, "abs": 1e-9 * max(values) ** 2}
    assert sample["var_ddof1"] == pytest.approx(plain.variance(values), **close)
    assert population["var_ddof0"] == pytest.approx(plain.pvariance(values), **close)
    assert population["sd_ddof0"] == pytest.approx(population["var_ddof0"] ** 0.5)


@given(values=PERPLEXITIES, data=st.data())
def test_the_order_of_rows_means_nothing(values, data):
    shuffled = data.draw(st.permutations(values))
    one, other = within_fences(np.array(values)), within_fences(np.array(shuffled))
    assert (one.low, one.high, one.removed) == (other.low, other.high, other.removed)
    assert sorted(one.values) == sorted(other.values)


@given(values=PERPLEXITIES)
def test_fences_are_those_of_linear_quartiles(values):
    """Quartiles by `statistics.quantiles`, whose inclusive method is the linear one."""
    q1, _, q3 = plain.quantiles(values, n=4, method="inclusive")
    low, high = q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)
    found = within_fences(np.array([*values, np.inf, np.nan]))
    assert found.low == pytest.approx(low, rel=1e-9, abs=1e-6)
    assert found.high == pytest.approx(high, rel=1e-9, abs=1e-6)
    assert found.removed == len(values) + 2 - len(found.values)
    kept = [v for v in values if found.low <= v <= found.high]
    assert found.values.tolist() == kept


def test_fences_leave_conditions_with_unequal_prompts():
    """The defect: the same prompts, and yet another n in every condition; a heavy tail loses more."""
    rng = np.random.default_rng(0)
    light, heavy = (np.exp(rng.normal(1.5, spread, 1502)) for spread in (0.4, 1.1))
    removed = [within_fences(values).removed for values in (light, heavy)]
    assert removed[0] < removed[1] and removed[0] > 0
    # The upper tail alone goes, as published: lower fences lie below the least perplexity.
    assert within_fences(heavy).low < 1.0


def test_one_row_moves_the_published_mean_without_bound():
    values = np.full(100, 4.0)
    worse = values.copy()
    worse[0] *= np.exp(10)
    assert statistics(worse, 1)["mean"] > 100 * statistics(values, 1)["mean"]
    logs = np.log(worse).mean() - np.log(values).mean()
    assert logs == pytest.approx(10 / 100)


def test_perplexities_at_the_end_of_the_scale_give_numbers_and_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = statistics(np.array([1e300, 1.0, 1e305]), 0)
        assert found["mean"] == pytest.approx((1e300 + 1e305) / 3)
        assert found["var_ddof0"] == np.inf and found["sd_ddof0"] < np.inf
        assert within_fences(np.array([1.0, 1e308, 1e308, 2.0])).removed == 0
        assert statistics(np.array([0.0, 0.0]), 1)["sd_ddof1"] == 0


def test_too_few_values_give_what_there_is():
    assert statistics(np.zeros(0), 1) == {"n": 0.0}
    assert statistics(np.array([2.0]), 1) == {"n": 1.0, "mean": 2.0, "median": 2.0}
    nothing = within_fences(np.array([np.inf, np.nan]))
    assert (len(nothing.values), nothing.removed) == (0, 2) and np.isnan(nothing.low)
