"""The pages of the figures of self-preference, for judges and ways of asking of one's own."""

from __future__ import annotations

from manybaskets.experiments.preference import figures
from manybaskets.experiments.preference.figures.scope import Scope
from manybaskets.presentation.figures.registry import FIGURES, FigurePlan

MODULES = (figures.author_matrix, figures.author_means, figures.bias_intervals,
           figures.position_bias, figures.discrimination)  # fmt: skip


def preference_pages(scope: Scope) -> dict[str, FigurePlan]:
    """Pages by file name, in the order of the report."""
    return {
        name: page
        for module in MODULES
        for planned in module.plan(scope)
        for name, page in FIGURES.get(module.KIND).pages_of(planned).items()
    }
