"""Effect sizes against scipy and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from manybaskets.statistics.effects import effects


def test_effects_agree_with_scipy() -> None:
    differences = np.random.default_rng(1).normal(0.3, 1.0, 57)
    found = effects(differences)
    positive = stats.wilcoxon(differences, alternative="greater").statistic  # sum of positive ranks
    total = 57 * 58 / 2
    assert found["rank_biserial"] == pytest.approx((2 * positive - total) / total)
    assert found["effect"] == pytest.approx(differences.mean() / differences.std(ddof=1))
    assert found["share_above"] == (differences > 0).mean()
    ordered = np.sort(differences)[5:-5]  # a tenth of 57, rounded down, off each end
    assert found["trimmed"] == pytest.approx(ordered.mean())


def test_ties_and_zeros() -> None:
    found = effects(np.array([0.0, 0.0, 1.0, -1.0, 1.0, 3.0]))
    # Absolute ranks of the four others: three share 2, the largest has 4.
    assert found["rank_biserial"] == pytest.approx((2 + 2 + 4 - 2) / 10)
    assert found["share_above"] == 0.5
    rounded = effects(np.array([0.3, -(0.1 + 0.2)]))  # as large as each other, but for rounding
    assert rounded["rank_biserial"] == 0.0
    nothing = {"effect": None, "rank_biserial": None, "share_above": 0.0, "trimmed": 0.0}
    assert effects(np.zeros(5)) == nothing
    alike = effects(np.full(9, 2.1) - 1.7)
    assert alike["effect"] is None and alike["rank_biserial"] == alike["share_above"] == 1.0
    single = effects(np.array([2.0]))
    assert single["effect"] is None and single["trimmed"] == 2.0


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40), st.randoms(use_true_random=False))
def test_order_and_direction(values: list[float], order) -> None:
    differences = np.array(values)
    found = effects(differences)
    turned = effects(-differences)
    shuffled = list(values)
    order.shuffle(shuffled)
    other = effects(np.array(shuffled))
    for name, value in found.items():
        assert (
            other[name] == pytest.approx(value, rel=1e-9, abs=1e-6)
            if value is not None
            else (other[name] is None)
        )
    if found["rank_biserial"] is not None:
        assert -1 <= found["rank_biserial"] <= 1
        assert turned["rank_biserial"] == pytest.approx(-found["rank_biserial"])
    assert turned["trimmed"] == pytest.approx(-found["trimmed"], abs=1e-6)
