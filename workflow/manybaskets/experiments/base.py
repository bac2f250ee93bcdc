"""The experiment protocol and its registry.

The config, the rules, the plan, the status and the report ask every registered experiment what is
here; none of them knows an experiment by name. Its tables and figures are registered with `@table`
and `@figure` of `presentation`, under the experiment's name as their section.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Protocol

import polars as pl

from manybaskets.config.experiment_sections import ExperimentSection, add_section
from manybaskets.config.models import ModelPrompting
from manybaskets.config.sections import Section
from manybaskets.config.study import Study
from manybaskets.data.prompt_readers import LONG_PROMPTS
from manybaskets.experiments.job_profiles import JobProfile
from manybaskets.jobs.stage_versions import add_stages
from manybaskets.layout import StageFiles
from manybaskets.layout.answer_sets import AnswerSet
from manybaskets.presentation.page import ReportSection, Table
from manybaskets.presentation.verdict_table import HeadlineOutcome
from manybaskets.registry import Registry


class Experiment(Protocol):
    """An experiment. Subclasses override what they have: at least `name`, `section`, `description`
    and `report_section`. All methods are called only for studies with the section.

    Attributes:
        name: of its key in the config, its target on the command line, its section in the report,
            and its rule file if that is in `workflow/rules`.
        section: the class of its config section.
        description: one line on the section for docs/configuration.md.
        rules: its rule file, if it is not in `workflow/rules`. Studies without the section leave it
            out.
        stages: versions of its stages, which its rules have among their parameters.
        files: the class of its paths.
        presentation: modules that register its tables and figures; imported only by what plans or
            shows them.
    """

    name: ClassVar[str]
    section: ClassVar[type[Section]]
    description: ClassVar[str]
    rules: ClassVar[Path | None] = None
    stages: ClassVar[Mapping[str, int]] = {}
    files: ClassVar[type[StageFiles]] = StageFiles
    presentation: ClassVar[Sequence[str]] = ()

    def check(self, study: Study) -> None:
        """Check the section against the rest of the study, when the config is read.

        Raises:
            ValueError: an invalid value; the message starts with the key.
        """

    def warnings(self, study: Study) -> list[str]:
        """Warnings to print before a run starts, one line each.

        Raises:
            UserError: what stops a run, and needs more than the config to be found.
        """
        return []

    def operations(self, study: Study) -> dict[str, Any]:
        """Settings that change how its jobs run and never what they write.

        Its scripts find them in `snakemake.config["operations"][name]`.
        """
        return {}

    def measuring(self, study: Study) -> dict[str, Any]:
        """What `long_prompts` needs of a study, in plain values."""
        return {}

    def long_prompts(
        self,
        settings: Mapping[str, Any],
        model: str,
        folder: Path,
        prompting: ModelPrompting,
        log: Path,
    ) -> pl.DataFrame:
        """Its prompts, and its questions to judges, that are too long for a model. They are decided
        before anything is answered, together with the dataset's.

        Args:
            settings: of `measuring`.
            model: name of a model that is a target, a source, the scorer or a judge.
            folder: its folder.
            prompting: how its prompts are rendered.
            log: of the job.

        Returns:
            The columns of `data.prompt_readers.LONG_PROMPTS`, with a name of its own in
            `prompt_set`.
        """
        return LONG_PROMPTS.to_frame()

    def statistics(self, study: Study) -> list[str]:
        """Names of its files in `statistics/`; the report is given them all."""
        return []

    def results(self, study: Study) -> list[Path]:
        """Its results besides statistics, tables and figures."""
        return []

    def job_profiles(self, study: Study) -> Mapping[str, JobProfile]:
        """What plan and status know of its jobs, by the names of its rules."""
        return {}

    def answer_sets(self, study: Study) -> list[AnswerSet]:
        """What the browser of answers shows of it, without restricted texts."""
        return []

    def restricted_answer_sets(self, study: Study) -> list[AnswerSet]:
        """Its answers with their restricted texts, for those who must read them."""
        return []

    def report_inputs(self, study: Study) -> dict[str, list[Path]]:
        """Files that the report reads for it besides the statistics, by a name for each list."""
        return {}

    def table_contexts(
        self, study: Study, inputs: Mapping[str, Sequence[Path]]
    ) -> Mapping[str, Any]:
        """What its tables are given besides the statistics, by the rule that writes them.

        Args:
            inputs: the files of `report_inputs`.
        """
        return {}

    def report_section(
        self,
        study: Study,
        frames: Mapping[str, pl.DataFrame],
        tables: Mapping[str, Table],
        inputs: Mapping[str, Sequence[Path]],
    ) -> ReportSection:
        """Title, sentences and warnings of its section; its tables and figures are added.

        Args:
            frames: the study's statistics by name.
            tables: the report's tables by name.
            inputs: the files of `report_inputs`.
        """
        ...

    def headlines(self, study: Study, frames: Mapping[str, pl.DataFrame]) -> list[HeadlineOutcome]:
        """Its columns of the verdict table on the report's first screen, the most important first.

        Args:
            frames: the study's statistics by name.
        """
        return []


EXPERIMENTS: Registry[Experiment] = Registry("experiment")


def register(experiment: Experiment) -> Experiment:
    """Register an experiment; its name becomes a key of the config.

    Raises:
        ValueError: another experiment, key of the config or stage has its name.
    """
    declared = ExperimentSection(experiment.section, experiment.description, experiment.check)
    add_section(experiment.name, declared)
    add_stages(experiment.stages)
    return EXPERIMENTS.add(experiment.name, experiment)


def experiments_of(study: Study) -> list[Experiment]:
    """The experiments that a study has a section for, in the order of registration."""
    return [each for each in EXPERIMENTS if getattr(study, each.name, None) is not None]


def load_presentation() -> None:
    """Register the tables and figures of all experiments."""
    for experiment in EXPERIMENTS:
        for module in experiment.presentation:
            import_module(module)


def job_profiles(study: Study) -> dict[str, JobProfile]:
    """What plan and status know of the jobs of a study's experiments, by the names of rules."""
    return {
        kind: profile
        for experiment in experiments_of(study)
        for kind, profile in experiment.job_profiles(study).items()
    }


def rule_file(experiment: Experiment) -> Path:
    """Rule file of an experiment; a relative path starts in the folder of the Snakefile."""
    return experiment.rules or Path("workflow/rules") / f"{experiment.name}.smk"
