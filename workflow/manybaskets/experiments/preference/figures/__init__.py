"""Figures of self-preference. Importing this package registers them, in the report's order."""

# isort: off
from manybaskets.experiments.preference.figures import author_matrix  # noqa: F401
from manybaskets.experiments.preference.figures import author_means  # noqa: F401
from manybaskets.experiments.preference.figures import bias_intervals  # noqa: F401
from manybaskets.experiments.preference.figures import position_bias  # noqa: F401
from manybaskets.experiments.preference.figures import discrimination  # noqa: F401
