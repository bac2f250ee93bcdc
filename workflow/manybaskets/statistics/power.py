"""The smallest difference that a comparison finds with a given power."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from manybaskets.statistics.components import VarianceComponent, half_width

POWER = 0.8


def detectable(components: Sequence[VarianceComponent], tests: int, confidence: float) -> float:
    """The smallest difference that is found in 80 % of studies, by the first step of Holm's
    correction over a family.

    The half-width of an interval at the corrected level, plus the normal quantile of the power
    times the standard error.

    Args:
        components: of the difference's variance.
        tests: number of tests of the family.
        confidence: of a single interval.
    """
    from scipy.stats import norm

    corrected = 1 - (1 - confidence) / max(tests, 1)
    error = np.sqrt(sum(component.variance for component in components))
    return float(half_width(components, corrected) + norm.ppf(POWER) * error)
