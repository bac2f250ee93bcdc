"""Student's t without scipy, against scipy."""

import pytest
from scipy.stats import t

from manybaskets.statistics.student import t_two_sided


@pytest.mark.parametrize("degrees", [*range(1, 31), 99, 100, 1001])
@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
def test_the_quantile_is_that_of_scipy(degrees, confidence):
    expected = t.ppf((1 + confidence) / 2, degrees)
    assert t_two_sided(confidence, degrees) == pytest.approx(expected, rel=1e-9)
