"""Whether fine-tuning wears down refusals: adversarial prompts, their handling, outcomes.

Texts of prompts, answers and judges' reasons lie in one restricted folder and nowhere else: no log,
error, table or figure holds any. `restricted` is what jobs with such texts run in.
"""

from manybaskets.experiments.base import register
from manybaskets.experiments.robustness.experiment import RobustnessExperiment

register(RobustnessExperiment())
