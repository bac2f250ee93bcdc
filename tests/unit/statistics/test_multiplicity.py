"""Corrections for several tests against statsmodels."""

import gc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from manybaskets.statistics.multiplicity import benjamini_hochberg, benjamini_yekutieli, holm

CORRECTIONS = {"holm": holm, "fdr_bh": benjamini_hochberg, "fdr_by": benjamini_yekutieli}


@pytest.fixture(scope="module", autouse=True)
def no_collection():
    """statsmodels collects garbage in every correction, which takes a second after a thousand tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "collect", lambda: 0)
        yield


@pytest.mark.parametrize("method", CORRECTIONS)
@given(
    p=st.lists(st.floats(0, 1, allow_subnormal=False), min_size=1, max_size=40),
    level=st.floats(0.001, 0.2),
)
def test_adjusted_p_are_those_of_statsmodels(method, p, level):
    rejected, expected, _, _ = multipletests(p, alpha=level, method=method)
    adjusted = CORRECTIONS[method](p)
    np.testing.assert_allclose(adjusted, expected, rtol=1e-12, atol=1e-300)
    at_the_edge = np.isclose(adjusted, level, rtol=1e-12)
    assert ((adjusted <= level) == rejected)[~at_the_edge].all()


@pytest.mark.parametrize("correct", CORRECTIONS.values())
def test_no_test_needs_no_correction(correct):
    assert correct([]).tolist() == []


def test_holms_p_are_the_same_digits_as_before():
    """Finished studies hold p of statsmodels; a rebuilt table must not differ in its last digit."""
    p = np.random.default_rng(5).beta(0.3, 1, size=500)
    assert np.array_equal(holm(p), multipletests(p, method="holm")[1])
