"""Statistics of measured rows: estimates with intervals, and families of paired comparisons.

The unit is the cluster of prompts with the same text. Per-prompt measures have a bootstrap over
clusters, widened by the spread of the training seeds; set-level measures, which duplicates would
bias, get their spread from leaving out single prompts or groups of them, or from random halves. Every
number is reported with the number of prompts used and excluded.
"""

from manybaskets.statistics.blends import compare_blends
from manybaskets.statistics.comparison import COMPARISONS_SCHEMA, compare
from manybaskets.statistics.families import check_attainable
from manybaskets.statistics.spread import DISTRIBUTIONS, SEEDS, prompt_quantiles, seed_values
from manybaskets.statistics.summary import SUMMARY, summarise

__all__ = [
    "COMPARISONS_SCHEMA",
    "DISTRIBUTIONS",
    "SEEDS",
    "SUMMARY",
    "check_attainable",
    "compare",
    "compare_blends",
    "prompt_quantiles",
    "seed_values",
    "summarise",
]
