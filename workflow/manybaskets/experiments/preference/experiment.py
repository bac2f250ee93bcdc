"""The self-preference experiment as config, rules, plan, status and report see it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from manybaskets.config.checks import check_preference
from manybaskets.config.participants import writer
from manybaskets.config.preference import Preference
from manybaskets.config.study import Study
from manybaskets.experiments.base import Experiment
from manybaskets.experiments.job_profiles import JobProfile
from manybaskets.experiments.preference.files import PreferenceFiles
from manybaskets.experiments.preference.workload import job_profiles
from manybaskets.names import HUMAN


class PreferenceExperiment(Experiment):
    """Whom judges prefer."""

    name = "preference"
    section = Preference
    description = "Whom judges prefer: the experiment on self-preference; null for none."
    presentation = (
        "manybaskets.experiments.preference.tables",
        "manybaskets.experiments.preference.figures",
    )
    files = PreferenceFiles

    def check(self, study: Study) -> None:
        """Check authors, judges and mixes against the study."""
        check_preference(study)

    def operations(self, study: Study) -> dict[str, Any]:
        """How authors and runs write, and how judges read."""
        settings = study.preference
        writers = [name for name in settings.authors if name != HUMAN]
        return {
            "writers": {name: writer(study, name).operations() for name in writers},
            "own": {"engine": study.responses.engine.operations()},
            "summaries": settings.summaries.operations(),
            "judging": settings.judging.operations(),
        }

    def job_profiles(self, study: Study) -> Mapping[str, JobProfile]:
        """Summaries, and readings of judges."""
        return job_profiles(study)
