"""Values as readers see them: scales, units, numbers, p-values, and the order of the config."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Lookup = Callable[[str], Any]  # name of a measure -> its entry in the registry
NOTHING = "–"
_FAR_APART = 100  # ratio of numbers beyond which they need digits of their own


def measure_lookup(lookup: Lookup | None = None) -> Lookup:
    """The given look-up of measures, or the registry's own."""
    if lookup is not None:
        return lookup
    from manybaskets.measures import get

    return get


def transformed(value: float | None, transform: str) -> float | None:
    """A value on the scale that readers see: `exp` makes a perplexity of a log-likelihood."""
    if value is None or transform != "exp":
        return value
    return math.exp(value) if value < 700 else math.inf


def shown_unit(measure: Any) -> str:
    """Unit of a measure on the scale that readers see."""
    return "perplexity" if measure.transform == "exp" else measure.unit


def number(value: float | None, digits: int = 3) -> str:
    """A number with `digits` significant digits and a true minus sign."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return NOTHING
    if isinstance(value, int):
        return f"{value}".replace("-", "−")
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    if not 1e-4 <= abs(value) < 1e6:
        return f"{value:.{digits - 1}e}".replace("-", "−")
    # Rounding first: 9.996 is 10.0 and not 10.00.
    magnitude = math.floor(math.log10(abs(float(f"{value:.{digits - 1}e}"))))
    return f"{value:.{max(0, digits - 1 - magnitude)}f}".replace("-", "−")


def rounded_alike(values: Sequence[float | None]) -> list[str]:
    """Numbers that are read together, all with as many decimals as the largest one needs.

    Positive numbers of very different size, such as the ends of a wide interval of a ratio, get
    their own digits instead.
    """
    known = [value for value in values if value is not None and math.isfinite(value)]
    largest = max((abs(value) for value in known), default=0.0)
    apart = bool(known) and min(known) > 0 and largest > _FAR_APART * min(known)
    if apart or largest == 0 or not 1e-3 <= largest < 1e6:
        return [number(value) for value in values]
    decimals = max(0, 2 - math.floor(math.log10(largest)))
    return [
        f"{value + 0.0:.{decimals}f}".replace("-", "−")
        if value is not None and math.isfinite(value)
        else number(value)
        for value in values
    ]


def p_value(value: float | None, decimals: int = 4) -> str:
    """A p-value; what is smaller than the last decimal is shown as smaller, never as zero."""
    if value is None or math.isnan(value):
        return NOTHING
    smallest = 10.0**-decimals
    # A sign-flip test with 9999 flips has 1/10000 as its smallest p: it is not below 0.0001.
    return f"<{smallest:.{decimals}f}" if value < smallest else f"{value:.{decimals}f}"


def difference_text(row: Mapping[str, Any], level: str) -> str:
    """A difference or ratio with its interval and its p, as sentences give them.

    Args:
        row: `scale` (difference or ratio), `unit`, `value`, `low`, `high`, `p_holm`; `correction`, whose p
            that is, Holm's unless given.
        level: what the interval is called, such as `95 % interval`.
    """
    value, low, high = rounded_alike([row["value"], row["low"], row["high"]])
    unit = "" if row["scale"] == "ratio" else f" {row['unit']}"
    between = f", {level} {low} to {high}" if NOTHING not in (low, high) else ""
    text = f"{row['scale']} {value}{unit}{between}"
    if row["p_holm"] is None:
        return f"{text}, not tested"
    p = p_value(row["p_holm"], decimals=3)
    name = row.get("correction") or "Holm"
    return f"{text}, {name} p {p.replace('<', '< ') if p.startswith('<') else f'= {p}'}"


def detectable_text(row: Mapping[str, Any]) -> str:
    """Which difference or ratio a comparison would find, as sentences add it; empty if unknown.

    Args:
        row: `scale` (difference or ratio), `unit`, `detectable`.
    """
    if row["detectable"] is None:
        return ""
    unit = "" if row["scale"] == "ratio" else f" {row['unit']}"
    return (
        f"; a {row['scale']} of {number(row['detectable'])}{unit} would be found in 80 % of such "
        "studies"
    )
