"""The smallest difference that a comparison finds with a given power."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from manybaskets.statistics.components import VarianceComponent, quantile

POWER = 0.8
_POINTS = 64  # quantiles of a variance's distribution
_CERTAIN = 1000  # degrees of freedom above which a variance counts as known
_LARGEST = 1e3  # standard errors


def detectable(components: Sequence[VarianceComponent], tests: float, confidence: float) -> float:
    """The smallest difference that is found in 80 % of studies, by the first step of a family's
    correction.

    A difference is found if it exceeds √Σ t² v̂ (`components.half_width`) at the corrected level.
    The estimated variances v̂ differ between studies: v χ² / d each. The power is the mean over
    evenly spaced quantiles of them, and the difference is where it is 80 %.

    Args:
        components: of the difference's variance.
        tests: by what the correction multiplies the smallest p (`families.first_step_factor`).
        confidence: of a single interval.
    """
    from scipy.optimize import brentq
    from scipy.special import ndtr

    level = 1 - (1 - confidence) / (2 * max(tests, 1))
    squares = np.zeros(1)
    for component in components:
        estimated = component.variance * _estimates(component.degrees)
        squares = np.add.outer(squares, quantile(level, component.degrees) ** 2 * estimated).ravel()
    error = float(np.sqrt(sum(component.variance for component in components)))
    if error == 0.0:
        return 0.0
    needed = np.sqrt(squares) / error
    found = brentq(lambda effect: float(ndtr(effect - needed).mean()) - POWER, 0.0, _LARGEST)
    return error * float(found)


@lru_cache(maxsize=4096)
def _estimates(degrees: float) -> np.ndarray:
    """Estimates of a variance of 1: evenly spaced quantiles of χ² / d."""
    from scipy.stats import chi2

    if degrees > _CERTAIN:
        return np.ones(1)
    return chi2.ppf((np.arange(_POINTS) + 0.5) / _POINTS, degrees) / degrees
