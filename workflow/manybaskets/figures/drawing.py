"""A figure of a study by its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from manybaskets.config.analysis import Figures
from manybaskets.figures import plots
from manybaskets.shown import in_config_order

DIFFERENCES = "differences-"


def draw(
    name: str,
    stem: Path,
    *,
    summary: pl.DataFrame,
    comparisons: pl.DataFrame,
    curves: pl.DataFrame,
    knowledge: pl.DataFrame | None,
    measures: Sequence[str],
    targets: Sequence[str],
    kinds: Mapping[str, str],
    settings: Figures,
) -> None:
    """Draw one figure as SVG and PNG.

    Args:
        name: conditions, habits, training-curves, knowledge, or differences-<family>.
        measures, targets: in the order of the config; kinds: kind of every mix, in that order.
    """
    common = {"kinds": kinds, "settings": settings}
    if name.startswith(DIFFERENCES):
        ordered = in_config_order(comparisons, measures, targets, list(kinds))
        plots.differences(ordered, name.removeprefix(DIFFERENCES), stem, **common)
    elif name == "training-curves":
        plots.training_curves(curves, stem, **common)
    elif name == "knowledge":
        plots.knowledge(knowledge, stem, settings=settings)
    else:
        ordered = in_config_order(summary, measures, targets, list(kinds))
        {"conditions": plots.conditions, "habits": plots.habits}[name](ordered, stem, **common)
