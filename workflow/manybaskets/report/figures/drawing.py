"""A figure of a study from its plan and its tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.experiments.preference import drawing as judges
from manybaskets.experiments.robustness import drawing as robustness
from manybaskets.presentation.figures import intervals
from manybaskets.presentation.figures.style import Look
from manybaskets.report.figures import (
    ablation,
    boxes,
    growth_curves,
    heatmaps,
    maps,
    plots,
    profiles,
)

# By kind of figure: what draws it from its tables, in the order of `pictures.Picture.tables`.
DRAWN: dict[str, Callable[..., list[Path]]] = {
    "conditions": intervals.conditions,
    "differences": intervals.differences,
    "distributions": boxes.distributions,
    "divergence": heatmaps.divergence,
    "growth": growth_curves.growth,
    "habits": plots.habits,
    "knowledge": plots.knowledge,
    "preference-authors": judges.authors,
    "preference-bias": judges.biases,
    "preference-discrimination": judges.discrimination,
    "preference-matrix": judges.matrix,
    "preference-position": judges.position,
    "robustness-harm": robustness.outcomes,
    "robustness-map": robustness.harm_and_quality,
    "robustness-refusals": robustness.outcomes,
    "robustness-sweep": robustness.danger_sweep,
    "source-count": ablation.source_counts,
    "source-distances": heatmaps.source_distances,
    "source-map": maps.source_map,
    "style": profiles.style,
    "training-curves": plots.training_curves,
}


def draw(
    kind: str,
    stem: Path,
    tables: Mapping[str, pl.DataFrame],
    options: Mapping[str, Any],
    look: Look,
) -> list[Path]:
    """Draw one figure as SVG and PNG.

    Args:
        kind, options: of a `pictures.Picture`.
        tables: its tables by name, in its order.
        look: the study's conditions and their looks.
    """
    return DRAWN[kind](*tables.values(), stem=stem, look=look, **options)
