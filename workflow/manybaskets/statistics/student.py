"""Student's t for whole degrees of freedom, where a table must be made without scipy."""

from __future__ import annotations

import math

_STEPS = 100  # of halving; an angle then no longer changes


def t_two_sided(confidence: float, degrees: int) -> float:
    """Half width of a two-sided interval, in standard errors.

    Args:
        confidence: between 0 and 1.
        degrees: whole degrees of freedom, 1 or more.

    Returns:
        The quantile of t at (1 + confidence) / 2.
    """
    low, high = 0.0, math.pi / 2
    for _ in range(_STEPS):
        angle = (low + high) / 2
        low, high = (angle, high) if _inside(angle, degrees) < confidence else (low, angle)
    return math.sqrt(degrees) * math.tan((low + high) / 2)


def p_two_sided(t: float, degrees: int) -> float:
    """Probability that |T| reaches |t|, with whole degrees of freedom, 1 or more."""
    return max(0.0, 1.0 - _inside(math.atan(abs(t) / math.sqrt(degrees)), degrees))


def _inside(angle: float, degrees: int) -> float:
    """Probability of |T| < √degrees · tan(angle). Source: Abramowitz & Stegun 26.7.3 and 26.7.4."""
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = degrees % 2
    term = total = (cosine if degrees > 1 else 0.0) if odd else 1.0
    for power in range(2 + odd, degrees - 1, 2):
        term *= cosine**2 * (power - 1) / power
        total += term
    return 2 / math.pi * (angle + sine * total) if odd else sine * total
