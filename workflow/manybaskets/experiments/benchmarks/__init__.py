"""Scores on benchmarks: ready ones of others, with the settings that they were measured with.

`ready_scores` reads them, `score_book` keeps sets of different settings apart, `score_estimates`,
`student_agreement` and `designs` compute, `published_numbers` compares with a publication, and `findings` says
what came out.
"""

from manybaskets.experiments.base import register
from manybaskets.experiments.benchmarks.experiment import BenchmarkExperiment

register(BenchmarkExperiment())
