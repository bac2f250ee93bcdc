"""Estimates that sampling moves away from nothing, with the bias taken out by the bootstrap."""

from __future__ import annotations

import numpy as np


def corrected(
    estimate: float,
    resampled: np.ndarray,
    confidence: float,
    smallest: float = -np.inf,
    largest: float = np.inf,
) -> tuple[float, float, float]:
    """Value, low and high of a statistic whose sampling bias its resamples show.

    The bias is the mean of the resamples less the estimate; the value is the estimate less the
    bias, the limits are the resamples' quantiles less twice the bias (which they hold twice: the
    estimate's own and that of resampling). All stay between `smallest` and `largest`. Source: Efron
    & Tibshirani 1993, An Introduction to the Bootstrap, chapter 10.
    """
    bias = float(np.mean(resampled)) - estimate
    tail = (1 - confidence) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail]) - 2 * bias
    value, low, high = np.clip([estimate - bias, low, high], smallest, largest).tolist()
    return value, low, high
