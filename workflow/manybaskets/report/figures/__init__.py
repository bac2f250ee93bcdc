"""Figures of a study, drawn without a display: the same data give the same bytes.

Importing this package registers them, in the order in which the report shows them.
"""

from manybaskets.experiments import load_presentation
from manybaskets.presentation.figures.registry import draw, planned_figures

# isort: off
from manybaskets.report.figures import blend_intervals  # noqa: F401
from manybaskets.report.figures import conditions  # noqa: F401
from manybaskets.report.figures import boxes  # noqa: F401
from manybaskets.report.figures import growth_curves  # noqa: F401
from manybaskets.report.figures import ablation  # noqa: F401
from manybaskets.report.figures import profiles  # noqa: F401
from manybaskets.report.figures import plots  # noqa: F401
from manybaskets.report.figures import heatmaps  # noqa: F401
from manybaskets.report.figures import maps  # noqa: F401

load_presentation()

__all__ = ["draw", "planned_figures"]
