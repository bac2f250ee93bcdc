"""Statistics of measured rows: estimates with intervals, and families of paired comparisons.

The prompt is the unit. Measures per prompt are resampled by a hierarchical bootstrap over prompts
and training seeds; measures of a whole set, which copies would bias, get their spread from random
halves of the prompts. Every number comes with the number of prompts behind it and left out of it.
"""

from manybaskets.statistics.comparison import COMPARED, compare
from manybaskets.statistics.summary import SUMMARY, summarise

__all__ = ["COMPARED", "SUMMARY", "compare", "summarise"]
