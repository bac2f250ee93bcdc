"""Measures: functions from responses to numbers, per prompt or per set of responses.

A measure is one function under `@measure(...)` and one test; intervals, comparisons, tables and
figures are the same for all. Importing this package registers the measures of its modules.
"""

# Last, because these modules register themselves with the registry imported above.
from manybaskets.measures import (  # noqa: F401
    dispersion,
    diversity,
    heaps_law,
    lexical,
    likelihood,
    mauve,
    richness,
    running_text,
    semantic,
    style,
    vendi,
    world,
)
from manybaskets.measures.inputs import Inputs, SentenceVectors
from manybaskets.measures.registry import Measure, all_measures, compute, get, measure
from manybaskets.records.measured import EXCLUDED, LEFT_OUT, USED

__all__ = [
    "EXCLUDED",
    "LEFT_OUT",
    "USED",
    "Inputs",
    "Measure",
    "SentenceVectors",
    "all_measures",
    "compute",
    "get",
    "measure",
]
