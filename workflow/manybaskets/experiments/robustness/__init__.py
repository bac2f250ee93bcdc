"""Robustness of refusals under fine-tuning: adversarial prompts, their handling, outcomes.

Texts of prompts, answers and judges' reasons are stored only in one restricted folder: logs,
errors, tables and figures contain none. Jobs that read such texts run inside `restricted`.
"""

from manybaskets.experiments.base import register
from manybaskets.experiments.robustness.experiment import RobustnessExperiment

register(RobustnessExperiment())
