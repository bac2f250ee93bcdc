"""What the report reads and shows for the experiments of a study."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.config.study import Study
from manybaskets.experiments import Experiment, experiments_of
from manybaskets.presentation.page import ReportSection, Table
from manybaskets.presentation.verdict_table import HeadlineOutcome

Inputs = Mapping[Experiment, Mapping[str, Sequence[Path]]]


def experiment_inputs(study: Study) -> dict[str, list[Path]]:
    """Files that the report reads for the experiments besides their statistics.

    Returns:
        Lists of files under the name of the experiment and their own, `<experiment>_<name>`.
    """
    return {
        _key(experiment, name): files
        for experiment in experiments_of(study)
        for name, files in experiment.report_inputs(study).items()
    }


def inputs_by_experiment(study: Study, given: Mapping[str, Iterable[str]]) -> Inputs:
    """The files of `experiment_inputs` by experiment and name.

    Args:
        given: the files as a job has them, under the names of `experiment_inputs`.
    """
    return {
        experiment: {
            name: [Path(file) for file in given[_key(experiment, name)]]
            for name in experiment.report_inputs(study)
        }
        for experiment in experiments_of(study)
    }


def table_contexts(study: Study, inputs: Inputs) -> dict[str, Any]:
    """What the experiments' tables are given besides the statistics, by the rule that writes them."""
    return {
        rule: context
        for experiment, files in inputs.items()
        for rule, context in experiment.table_contexts(study, files).items()
    }


def experiment_sections(
    study: Study,
    frames: Mapping[str, pl.DataFrame],
    tables: Mapping[str, Table],
    inputs: Inputs,
) -> dict[str, ReportSection]:
    """The experiments' sections of the report by name, without their tables and figures.

    Args:
        frames: the study's statistics by name.
        tables: the report's tables by name.
    """
    return {
        experiment.name: experiment.report_section(study, frames, tables, files)
        for experiment, files in inputs.items()
    }


def experiment_headlines(
    study: Study, frames: Mapping[str, pl.DataFrame]
) -> list[list[HeadlineOutcome]]:
    """The experiments' columns of the verdict table, one list per experiment."""
    return [each.headlines(study, frames) for each in experiments_of(study)]


def _key(experiment: Experiment, name: str) -> str:
    return f"{experiment.name}_{name}"
