"""Intervals of shares, after Wilson."""

from __future__ import annotations

import numpy as np

from manybaskets.statistics.bootstrap import Mean
from manybaskets.statistics.components import VarianceComponent, half_width, influences, total


def wilson(share: float, number: float, z: float) -> tuple[float, float]:
    """Score interval of a share of `number` answers, with the quantile `z`. Source: Wilson 1927."""
    below = 1 + z**2 / number
    middle = (share + z**2 / (2 * number)) / below
    half = z / below * np.sqrt(share * (1 - share) / number + z**2 / (4 * number**2))
    # Exact at the ends, where a rounding error would appear as 1e-17.
    low = max(0.0, float(middle - half)) if share > 0 else 0.0
    return low, min(1.0, float(middle + half)) if share < 1 else 1.0


def independent_clusters(sizes: np.ndarray) -> float:
    """Effective number of prompts if clusters are uniform: n² / Σ size². Source: Kish 1965."""
    return float(sizes.sum() ** 2 / (sizes**2).sum())


def wilson_of(mean: Mean, answers: int, confidence: float) -> tuple[float, float]:
    """Wilson's interval of a share over prompt clusters and, optionally, training seeds.

    The number of answers is the effective number: share · (1 − share) / variance over clusters and
    seeds, at most the actual number. One answer to each of many different prompts gives Wilson's
    standard interval. If all answers are equal there is no variance, and the number is that of the
    prompts (`independent_clusters`). The quantile is normal for one training; with several, it is
    widened as in `components.half_width`. Source of the effective number: Korn & Graubard 1998,
    Survey Methodology 24(2).
    """
    share, clusters = mean.value, len(mean.sizes)
    z = half_width([VarianceComponent(1.0, np.inf)], confidence)
    number = independent_clusters(mean.sizes)
    if not 0 < share < 1 or clusters < 2:
        return wilson(min(max(share, 0.0), 1.0), number, z)
    if answers == clusters and not mean.seeds:
        return wilson(share, answers, z)
    within = float((influences(mean.sums, mean.sizes) ** 2).sum()) * clusters / (clusters - 1)
    components = [VarianceComponent(within, np.inf)]
    if mean.seeds:
        components.append(VarianceComponent(mean.seeds.variance, mean.seeds.degrees))
    variance = total(components).variance
    if variance > 0:
        number = min(float(answers), share * (1 - share) / variance)
        z = half_width(components, confidence) / float(np.sqrt(variance))
    return wilson(share, number, z)


def newcombe(first: Mean, second: Mean, confidence: float) -> tuple[float, float]:
    """Interval of a difference of two shares from their Wilson intervals, with prompts as n.

    The two are treated as independent, which is conservative for pairs that agree. Source: Newcombe
    1998, Statistics in Medicine 17(8), method 10.
    """
    from scipy.stats import norm

    z = float(norm.ppf((1 + confidence) / 2))
    number = independent_clusters(first.sizes)
    share, baseline = (min(max(each.value, 0.0), 1.0) for each in (first, second))
    low, high = wilson(share, number, z)
    base_low, base_high = wilson(baseline, number, z)
    difference = share - baseline
    return (
        float(difference - np.hypot(share - low, base_high - baseline)),
        float(difference + np.hypot(high - share, baseline - base_low)),
    )
