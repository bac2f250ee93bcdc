"""What an experiment is, and which ones exist.

The config, the rules, the plan, the status and the report ask every registered experiment what is
here; none of them knows an experiment by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, ClassVar, Protocol

from manybaskets.config.experiment_sections import ExperimentSection, add_section
from manybaskets.config.sections import Section
from manybaskets.config.study import Study
from manybaskets.experiments.job_profiles import JobProfile
from manybaskets.layout import StageFiles
from manybaskets.registry import Registry


class Experiment(Protocol):
    """An experiment. Subclasses override what they have; all methods are called only for studies
    with the section.

    Attributes:
        name: of its key in the config.
        section: the class of its config section.
        description: one line on the section for docs/configuration.md.
        presentation: modules that register its tables and figures; imported only by what shows
            them, because drawing needs matplotlib.
        files: the class that names its files.
    """

    name: ClassVar[str]
    section: ClassVar[type[Section]]
    description: ClassVar[str]
    presentation: ClassVar[Sequence[str]] = ()
    files: ClassVar[type[StageFiles]] = StageFiles

    def check(self, study: Study) -> None:
        """Check the section against the rest of the study, when the config is read.

        Raises:
            ValueError: a mistake; the message starts with the key.
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

    def job_profiles(self, study: Study) -> Mapping[str, JobProfile]:
        """What plan and status know of its jobs, by the names of its rules."""
        return {}


EXPERIMENTS: Registry[Experiment] = Registry("experiment")


def register(experiment: Experiment) -> Experiment:
    """Register an experiment; its name becomes a key of the config.

    Raises:
        ValueError: another experiment or key of the config has its name.
    """
    declared = ExperimentSection(experiment.section, experiment.description, experiment.check)
    add_section(experiment.name, declared)
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
    """What plan and status know of the jobs of all experiments of a study, by the names of rules."""
    return {
        kind: profile
        for experiment in experiments_of(study)
        for kind, profile in experiment.job_profiles(study).items()
    }
