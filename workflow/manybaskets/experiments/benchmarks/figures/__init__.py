"""Figures on benchmarks. Importing this package registers them, in the order of the report."""

# isort: off
from manybaskets.experiments.benchmarks.figures import profile  # noqa: F401
from manybaskets.experiments.benchmarks.figures import scaling_curves  # noqa: F401
from manybaskets.experiments.benchmarks.figures import agreement_rows  # noqa: F401
