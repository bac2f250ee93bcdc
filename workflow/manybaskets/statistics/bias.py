"""Bootstrap bias correction for estimates that sampling moves away from zero."""

from __future__ import annotations

import numpy as np


def corrected(
    estimate: float,
    resampled: np.ndarray,
    confidence: float,
    smallest: float = -np.inf,
    largest: float = np.inf,
) -> tuple[float, float, float]:
    """Bias-corrected value, low and high of a statistic, from its resamples.

    The bias is the mean of the resamples minus the estimate; the value is the estimate minus the
    bias; the limits are the resamples' quantiles minus twice the bias (which they contain twice:
    from the estimate and from resampling). All stay between `smallest` and `largest`. Source: Efron
    & Tibshirani 1993, An Introduction to the Bootstrap, chapter 10.
    """
    bias = float(np.mean(resampled)) - estimate
    tail = (1 - confidence) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail]) - 2 * bias
    value, low, high = np.clip([estimate - bias, low, high], smallest, largest).tolist()
    return value, low, high
