"""From scores to the experiment's statistics: one file each, none with a text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from manybaskets.records import write_table
from manybaskets.robustness.comparing import compare_conditions
from manybaskets.robustness.danger import grid, sweep
from manybaskets.robustness.missing import missingness
from manybaskets.robustness.outcomes import summarise_conditions
from manybaskets.robustness.scored import Analysis, conditions

STATISTICS = {
    "summary": summarise_conditions,
    "comparisons": compare_conditions,
    "danger": sweep,
    "grid": grid,
    "missing": missingness,
}


def write_statistics(
    scores: pl.DataFrame, design: pl.DataFrame, analysis: Analysis, outputs: Mapping[str, Path]
) -> None:
    """Write the statistics by name (`STATISTICS`).

    Args:
        scores, design: see `scored.conditions`.
    """
    found = conditions(scores, design, analysis)
    for name, made in STATISTICS.items():
        write_table(made(found, analysis), outputs[name])
