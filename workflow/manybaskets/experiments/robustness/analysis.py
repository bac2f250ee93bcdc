"""All statistics of the robustness experiment, from one pass over its score rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from manybaskets.experiments.robustness.comparisons import compare_conditions
from manybaskets.experiments.robustness.danger_zone import harm_quality_grid, sweep
from manybaskets.experiments.robustness.judge_quality import known_of_judges
from manybaskets.experiments.robustness.missingness import missingness
from manybaskets.experiments.robustness.outcomes import summarise_conditions
from manybaskets.experiments.robustness.scores import Analysis, by_condition

# Results of `analyse`, named like the files in `statistics/`.
FRAMES = (
    "robustness", "robustness-comparisons", "robustness-danger", "robustness-grid",
    "robustness-missingness", "robustness-judges",
)  # fmt: skip


def analyse(
    scores: pl.DataFrame,
    design: pl.DataFrame,
    analysis: Analysis,
    canaries: Mapping[str, Mapping[str, Mapping[str, Any]]],
    scales: Mapping[str, Sequence[float]],
) -> dict[str, pl.DataFrame]:
    """Every table of statistics by name (`FRAMES`).

    Args:
        scores, design: see `scored.conditions`.
        canaries, scales: see `judges.known_of_judges`.
    """
    found = by_condition(scores, design, analysis)
    made = (
        summarise_conditions(found, analysis),
        compare_conditions(found, analysis),
        sweep(found, analysis),
        harm_quality_grid(found, analysis),
        missingness(found, analysis),
        known_of_judges(scores, design, canaries, scales, analysis),
    )
    return dict(zip(FRAMES, made, strict=True))
