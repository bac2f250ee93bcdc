"""Self-preference: whom a judge prefers among summaries of the same articles.

`articles` reads what is summarised, `summaries` has authors and judged runs write, `corruption`
plants a quality gap, `questions` lays out what a judge is asked, `readout` reads its answer off the
logits of one forward pass, and `schemas` names the columns of the readings.
"""

from manybaskets.experiments.base import register
from manybaskets.experiments.preference.experiment import PreferenceExperiment

register(PreferenceExperiment())
