"""Common table for values of source pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

# For similarities, `floor` is the value for answers to other prompts; for distances, it is the 95th
# percentile of random swaps of the two sources' answers, and `p` is the share of swaps that reach
# the value.
PAIRS = pl.Schema(
    {
        "kind": pl.String,
        "first": pl.String,
        "second": pl.String,
        "value": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "floor": pl.Float64,
        "p": pl.Float64,
        "n_prompts": pl.Int64,
        "n_excluded": pl.Int64,
        "scale": pl.String,  # similarity | distance
    }
)


def symmetric(
    kind: str, sources: Sequence[str], found: Mapping[tuple[str, str], Mapping[str, Any]]
) -> pl.DataFrame:
    """Distances of unordered pairs as rows in both orders, sorted by the order of the sources."""
    lines = [
        {"kind": kind, "scale": "distance", "first": first, "second": second}
        | dict(found.get((first, second)) or found[(second, first)])
        for first in sources
        for second in sources
        if first != second
    ]
    return pl.DataFrame(lines, schema=PAIRS)
