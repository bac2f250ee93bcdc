"""Whether a run finds held-out answers of its own sources likelier than those of other sources.

`scoring` reads the sources' answers to validation prompts under every run, `changes` compares runs
with the untuned target, and `findings` says what came out.
"""

from manybaskets.experiments.base import register
from manybaskets.experiments.source_likelihood.experiment import SourceLikelihoodExperiment

register(SourceLikelihoodExperiment())
