"""The experiment on sources' likelihood for config, rules, plan, status and report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import polars as pl
from pydantic import Field

from manybaskets.config.sections import Name, Section
from manybaskets.config.study import Study
from manybaskets.config.study_checks import require_names
from manybaskets.experiments.base import Experiment
from manybaskets.experiments.job_profiles import (
    UNKNOWN_WORK,
    JobProfile,
    StudyRows,
    Wildcards,
    Work,
    prior_lengths,
)
from manybaskets.experiments.source_likelihood.files import SourceLikelihoodFiles
from manybaskets.layout import Files
from manybaskets.presentation.page import ReportSection, Table

STATISTICS = "source-likelihood"


class SourceLikelihood(Section):
    """Likelihood of the sources' answers to validation prompts, under every run."""

    sources: list[Name] | None = Field(
        None,
        min_length=1,
        description="Sources whose answers are scored; null for all sources in mixes.",
    )
    prompts: int = Field(
        100,
        ge=2,
        description="Number of prompts: a seeded sample of the validation prompts that all mixes share.",
    )


class SourceLikelihoodExperiment(Experiment):
    """Likelihood of the sources' held-out answers."""

    name = "source_likelihood"
    section = SourceLikelihood
    description = "Likelihood of the sources' held-out answers under every run; null to skip."
    presentation = ("manybaskets.experiments.source_likelihood.findings",)
    files = SourceLikelihoodFiles
    stages: ClassVar = {"source_likelihood_score": 1, "source_likelihood_changes": 1}

    def check(self, study: Study) -> None:
        """Check that there are runs, and that the sources are in mixes."""
        if not study.targets:
            raise ValueError("source_likelihood: add `targets`, because no run scores the answers")
        chosen = study.source_likelihood.sources or []
        require_names(
            "source_likelihood.sources", chosen, study.mixed_sources(), "sources in mixes"
        )

    def statistics(self, study: Study) -> list[str]:
        """The changes of every run."""
        return [STATISTICS]

    def job_profiles(self, study: Study) -> Mapping[str, JobProfile]:
        """Answers scored by every run."""
        files = _files(study)
        own = prior_lengths(study)

        def scored(wildcards: Wildcards, rows: StudyRows) -> Work:
            if rows.validation is None:
                return UNKNOWN_WORK
            runs = 1 if "mix" in wildcards else len(files.runs())
            prompts = min(rows.validation, study.source_likelihood.prompts)
            answers = runs * len(files.sources()) * prompts
            return Work(answers, answers * (own.prompt + own.answer), 0.0)

        return {
            "source_likelihood_score": JobProfile(work=scored, task="likelihood"),
            "source_likelihood_changes": JobProfile(seconds=(3.0, 0.0, 0.0)),
        }

    def report_section(
        self,
        study: Study,
        frames: Mapping[str, pl.DataFrame],
        tables: Mapping[str, Table],
        inputs: Mapping[str, Sequence[Path]],
    ) -> ReportSection:
        """One sentence for each mix that lacks some of the sources."""
        from manybaskets.experiments.source_likelihood.findings import section_of

        return section_of(frames[STATISTICS])


def _files(study: Study) -> SourceLikelihoodFiles:
    return Files(study).stage(SourceLikelihoodFiles)
