"""Experiments: what a study may ask beyond its runs' answers, one package each.

An experiment is one class under `register(...)`; the config, the rules, the plan, the status and
the report take it from there. Importing this package registers the experiments that ship.
"""

from manybaskets.experiments.base import (
    EXPERIMENTS,
    Experiment,
    experiments_of,
    job_profiles,
    load_presentation,
    register,
    rule_file,
)
from manybaskets.experiments.job_profiles import (
    UNKNOWN_WORK,
    JobProfile,
    Lengths,
    StudyRows,
    Wildcards,
    Work,
    prior_lengths,
)

# Last, because these packages register their experiments with the registry imported above. Their
# order is the reading order of the report.
from manybaskets.experiments import source_likelihood, benchmarks, robustness, preference  # noqa: F401 isort: skip

__all__ = [
    "EXPERIMENTS",
    "UNKNOWN_WORK",
    "Experiment",
    "JobProfile",
    "Lengths",
    "StudyRows",
    "Wildcards",
    "Work",
    "experiments_of",
    "job_profiles",
    "load_presentation",
    "prior_lengths",
    "register",
    "rule_file",
]
