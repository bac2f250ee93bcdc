"""Student's t without scipy, against scipy."""

import pytest
from scipy.stats import t

from manybaskets.statistics.student import p_two_sided, t_two_sided


@pytest.mark.parametrize("degrees", [*range(1, 31), 99, 100, 1001])
@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
def test_the_quantile_is_that_of_scipy(degrees, confidence):
    expected = t.ppf((1 + confidence) / 2, degrees)
    assert t_two_sided(confidence, degrees) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("degrees", [1, 2, 3, 9, 30, 1001])
@pytest.mark.parametrize("value", [-40.0, -2.0, 0.0, 0.3, 5.0])
def test_p_is_that_of_scipy(degrees, value):
    expected = 2 * t.sf(abs(value), degrees)
    assert p_two_sided(value, degrees) == pytest.approx(expected, rel=1e-6, abs=1e-12)
