"""Published statistics of perplexities: raw, and cleaned by fences per condition."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

_FENCE = 1.5  # interquartile ranges beyond the quartiles


@dataclass(frozen=True)
class Cleaned:
    """Perplexities within the fences of their own condition."""

    values: np.ndarray
    low: float
    high: float
    removed: int


def within_fences(values: np.ndarray) -> Cleaned:
    """Keep finite values within [q1 − 1.5 IQR, q3 + 1.5 IQR], quartiles by linear interpolation.

    The fences depend on the given values: conditions lose different shares of their prompts.
    """
    finite = values[np.isfinite(values)]
    if not len(finite):
        return Cleaned(finite, math.nan, math.nan, len(values))
    q1, q3 = (float(each) for each in np.percentile(finite, [25, 75]))
    low, high = q1 - _FENCE * (q3 - q1), q3 + _FENCE * (q3 - q1)
    kept = finite[(finite >= low) & (finite <= high)]
    return Cleaned(kept, low, high, len(values) - len(kept))


def statistics(values: np.ndarray, ddof: int) -> dict[str, float]:
    """n, mean, median, variance and standard deviation of finite values.

    Args:
        ddof: 1 for the perplexity of human text, 0 for that of own outputs, as published.
    """
    n = len(values)
    found = {"n": float(n)}
    if not n:
        return found
    # Perplexities reach e⁷⁰⁰, whose square overflows a float: scale by an exact power of two.
    scale = math.ldexp(1.0, math.frexp(float(np.abs(values).max()))[1] - 1)
    scaled = values / scale
    found["mean"] = float(scaled.mean()) * scale
    found["median"] = float(np.median(scaled)) * scale
    if n > ddof:
        variance = float(scaled.var(ddof=ddof))
        found[f"var_ddof{ddof}"] = variance * scale * scale
        found[f"sd_ddof{ddof}"] = math.sqrt(variance) * scale
    return found
