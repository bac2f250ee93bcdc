"""To which digits a reproduced number agrees with a printed one."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

SAME, ROUNDED, IN_STEPS, DIFFERS = "same digits", "after rounding", "rounded in steps", "no"


def digit_agreement(printed: str, reproduced: float | None) -> str | None:
    """How a number agrees with a printed one.

    Args:
        printed: the published number with its published digits.
        reproduced: the same number, computed here.

    Returns:
        `same digits`; `after rounding`, if rounding ours to the printed digits gives the printed
        number; `rounded in steps`, if only rounding digit by digit does (3.2249, 3.225, 3.23);
        otherwise `no`. None without two finite numbers.
    """
    theirs = Decimal(printed)
    if reproduced is None or not math.isfinite(reproduced) or not theirs.is_finite():
        return None
    ours = Decimal(repr(float(reproduced)))
    if ours == theirs:
        return SAME
    last = int(theirs.as_tuple().exponent)
    if int(ours.as_tuple().exponent) >= last:
        return DIFFERS
    step = Decimal((0, (1,), last))
    if theirs in (ours.quantize(step, ROUND_HALF_UP), ours.quantize(step, ROUND_HALF_EVEN)):
        return ROUNDED
    for place in range(int(ours.as_tuple().exponent) + 1, last + 1):
        ours = ours.quantize(Decimal((0, (1,), place)), ROUND_HALF_UP)
    return IN_STEPS if ours == theirs else DIFFERS
