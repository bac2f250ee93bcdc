"""The experiment on benchmarks for config, rules, plan, status and report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import polars as pl

from manybaskets.config.study import Study
from manybaskets.experiments.base import Experiment
from manybaskets.experiments.benchmarks.analysis import statistics_of
from manybaskets.experiments.benchmarks.checks import check_benchmarks
from manybaskets.experiments.benchmarks.files import BenchmarkFiles
from manybaskets.experiments.benchmarks.own_runs import with_runs
from manybaskets.experiments.benchmarks.settings import Benchmarks
from manybaskets.experiments.job_profiles import (
    UNKNOWN_WORK,
    JobProfile,
    StudyRows,
    Wildcards,
    Work,
    prior_lengths,
)
from manybaskets.layout import Files
from manybaskets.presentation.page import ReportSection, Table


class BenchmarkExperiment(Experiment):
    """Scores on benchmarks."""

    name = "benchmarks"
    section = Benchmarks
    description = "Scores on benchmarks; null to skip."
    presentation = (
        "manybaskets.experiments.benchmarks.tables",
        "manybaskets.experiments.benchmarks.figures",
    )
    files = BenchmarkFiles
    stages: ClassVar = {"benchmarks_facts": 1, "benchmarks_run": 1, "benchmarks_statistics": 1}

    def check(self, study: Study) -> None:
        """Check names, and what grids and curves need."""
        check_benchmarks(study)

    def statistics(self, study: Study) -> list[str]:
        """Scores, averages, and what is computed from them."""
        return statistics_of(with_runs(study))

    def job_profiles(self, study: Study) -> Mapping[str, JobProfile]:
        """Items answered by every run; reading and comparing scores takes seconds."""
        profiles = {"benchmarks_statistics": JobProfile(seconds=(5.0, 0.0, 0.0))}
        if study.benchmarks.harness:
            # Answers at the speed of the engine of the runs: the harness has none of its own here.
            evaluated = JobProfile(
                work=_items_of(study),
                task="answer",
                engine=lambda wildcards: study.responses.engine,
                batch_size=study.benchmarks.harness.batch_size,
            )
            profiles |= {"benchmarks_run": evaluated, "benchmarks_model": evaluated}
        return profiles

    def operations(self, study: Study) -> dict[str, Any]:
        """Batch size and interpreter of the harness."""
        harness = study.benchmarks.harness
        return harness.operations() if harness else {}

    def report_section(
        self,
        study: Study,
        frames: Mapping[str, pl.DataFrame],
        tables: Mapping[str, Table],
        inputs: Mapping[str, Sequence[Path]],
    ) -> ReportSection:
        """What the scores say, and which published numbers hold."""
        from manybaskets.experiments.benchmarks.findings import section_of

        return section_of(frames)


def _items_of(study: Study) -> Callable[[Wildcards, StudyRows], Work]:
    section, lengths = study.benchmarks, prior_lengths(study)
    known = [section.harness.limit or section.tasks[name].items for name in section.harness.tasks]
    load = Files(study).stage(BenchmarkFiles).load()

    def items_of(wildcards: Wildcards, rows: StudyRows) -> Work:
        if None in known:
            return UNKNOWN_WORK
        runs = 1 if "mix" in wildcards or "model" in wildcards else len(load.runs)
        items = runs * sum(known)
        return Work(items, items * lengths.prompt, items * lengths.answer)

    return items_of
