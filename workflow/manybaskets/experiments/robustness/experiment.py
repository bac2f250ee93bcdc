"""The robustness experiment as config, rules, plan, status and report see it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from manybaskets.config.checks import check_robustness
from manybaskets.config.robustness import Robustness
from manybaskets.config.study import Study
from manybaskets.experiments.base import Experiment
from manybaskets.experiments.job_profiles import JobProfile
from manybaskets.experiments.robustness.files import RobustnessFiles
from manybaskets.experiments.robustness.judge_panel import check_panel
from manybaskets.experiments.robustness.workload import job_profiles


class RobustnessExperiment(Experiment):
    """Whether fine-tuning wears down refusals."""

    name = "robustness"
    section = Robustness
    description = "Whether refusals last; null for nothing about them."
    presentation = (
        "manybaskets.experiments.robustness.tables",
        "manybaskets.experiments.robustness.figures",
    )
    files = RobustnessFiles

    def check(self, study: Study) -> None:
        """Check targets, mixes and judges against the study."""
        check_robustness(study)

    def warnings(self, study: Study) -> list[str]:
        """Judges of a subject's family that the config lets through."""
        return check_panel(study)

    def operations(self, study: Study) -> dict[str, Any]:
        """How the runs answer."""
        return study.robustness.run_responses(study.responses.engine).operations()

    def job_profiles(self, study: Study) -> Mapping[str, JobProfile]:
        """Answers, trials of judges, judgements, statistics."""
        return job_profiles(study)
