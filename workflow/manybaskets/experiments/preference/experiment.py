"""The self-preference experiment for config, rules, plan, status and report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.config.checks import check_preference
from manybaskets.config.participants import writer
from manybaskets.config.preference import Preference
from manybaskets.config.study import Study
from manybaskets.experiments.base import Experiment
from manybaskets.experiments.job_profiles import JobProfile
from manybaskets.experiments.preference.analysis import NAMES
from manybaskets.experiments.preference.files import PreferenceFiles
from manybaskets.experiments.preference.findings import section_of
from manybaskets.experiments.preference.headline import self_preference_headline
from manybaskets.experiments.preference.stage_versions import STAGES
from manybaskets.experiments.preference.tables import RULE, PreferenceContext
from manybaskets.experiments.preference.workload import job_profiles
from manybaskets.layout import Files
from manybaskets.names import HUMAN
from manybaskets.presentation.page import ReportSection, Table
from manybaskets.presentation.verdict_table import HeadlineOutcome
from manybaskets.records.resources import resource


class PreferenceExperiment(Experiment):
    """Self-preference of judges."""

    name = "preference"
    section = Preference
    description = "Self-preference experiment: which authors judges prefer; null to skip."
    presentation = (
        "manybaskets.experiments.preference.tables",
        "manybaskets.experiments.preference.figures",
    )
    files = PreferenceFiles
    stages = STAGES

    def check(self, study: Study) -> None:
        """Check authors, judges and mixes against the study."""
        check_preference(study)

    def operations(self, study: Study) -> dict[str, Any]:
        """Operational settings of authors, runs and judges."""
        settings = study.preference
        writers = [name for name in settings.authors if name != HUMAN]
        return {
            "writers": {name: writer(study, name).operations() for name in writers},
            "own": {"engine": study.responses.engine.operations()},
            "summaries": settings.summaries.operations(),
            "judging": settings.judging.operations(),
        }

    def statistics(self, study: Study) -> list[str]:
        """Statistics of biases, comparisons and the judges' ability."""
        return list(NAMES)

    def results(self, study: Study) -> list[Path]:
        """Readings of all judges, the summaries' length and form, and how articles were sampled."""
        files = _files(study)
        return [*files.all_readings(), files.texts(), files.article_counts()]

    def job_profiles(self, study: Study) -> Mapping[str, JobProfile]:
        """Summaries, and readings of judges."""
        return job_profiles(study)

    def report_inputs(self, study: Study) -> dict[str, list[Path]]:
        """The summaries' length and form, and the published numbers."""
        return {
            "texts": [_files(study).texts()],
            "numbers": [resource("published/self_preference.csv")],
        }

    def table_contexts(
        self, study: Study, inputs: Mapping[str, Sequence[Path]]
    ) -> Mapping[str, Any]:
        """The summaries and the published numbers."""
        (texts,), (numbers,) = inputs["texts"], inputs["numbers"]
        return {RULE: PreferenceContext(pl.read_parquet(texts), study.published_cells, numbers)}

    def report_section(
        self,
        study: Study,
        frames: Mapping[str, pl.DataFrame],
        tables: Mapping[str, Table],
        inputs: Mapping[str, Sequence[Path]],
    ) -> ReportSection:
        """Sentences on the judges' preferences, and on judges that cannot be interpreted."""
        return section_of(study, frames, tables)

    def headlines(self, study: Study, frames: Mapping[str, pl.DataFrame]) -> list[HeadlineOutcome]:
        """The verdicts on all judges."""
        return self_preference_headline(frames["preference"])


def _files(study: Study) -> PreferenceFiles:
    return Files(study).stage(PreferenceFiles)
