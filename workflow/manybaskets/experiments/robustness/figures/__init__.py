"""Figures of robustness. Importing this package registers them, in the report's order."""

# isort: off
from manybaskets.experiments.robustness.figures import outcome_intervals  # noqa: F401
from manybaskets.experiments.robustness.figures import harm_quality_map  # noqa: F401
from manybaskets.experiments.robustness.figures import danger_sweep  # noqa: F401
