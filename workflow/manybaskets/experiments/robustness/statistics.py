"""Gather the experiment's files without texts for statistics."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.config.robustness import RUBRICS
from manybaskets.config.study import Study
from manybaskets.experiments.robustness.analysis import analyse
from manybaskets.experiments.robustness.judge_panel import analysis_settings
from manybaskets.experiments.robustness.published_procedure import procedure
from manybaskets.experiments.robustness.scores import Analysis
from manybaskets.experiments.robustness.tables import PAPER
from manybaskets.judging.canaries import marks
from manybaskets.judging.rubrics import shipped
from manybaskets.published.condition_groups import Groups
from manybaskets.records.writing import write_table


def read_scores(files: Sequence[Path], runs: Sequence[tuple[str, str, int]]) -> pl.DataFrame:
    """Scores of all runs, with target, mix and seed; `files` are in the order of `runs`."""
    frames = [
        pl.read_parquet(file).with_columns(
            target=pl.lit(target), mix=pl.lit(mix), seed=pl.lit(seed, pl.Int64)
        )
        for file, (target, mix, seed) in zip(files, runs, strict=True)
    ]
    return pl.concat(frames)


def read_by_target(files: Sequence[Path], targets: Sequence[str]) -> pl.DataFrame:
    """Designs or templates of all targets, with the column `target`."""
    frames = [
        pl.read_parquet(file).with_columns(target=pl.lit(target))
        for file, target in zip(files, targets, strict=True)
    ]
    return pl.concat(frames)


def read_canaries(files: Mapping[str, Path]) -> dict[str, dict[str, Any]]:
    """Results of the judges' canary checks by judge and rubric; `files` are by judge."""
    return {name: json.loads(Path(f).read_text(encoding="utf-8")) for name, f in files.items()}


def analysis_of(
    settings: Mapping[str, Any], templates: pl.DataFrame, canaries: Mapping[str, Mapping[str, Any]]
) -> Analysis:
    """Settings of the outcomes: the study's settings, doubtful templates, unfit judges.

    Args:
        settings: as `panel.analysis_settings` gives them.
        templates: columns of `templates.USED`.
        canaries: result of `read_canaries`.
    """
    doubtful = templates.filter(pl.col("doubtful"))["template_id"].unique().sort().to_list()
    tried = {
        f"{judge}/{rubric}": result
        for judge, by_rubric in canaries.items()
        for rubric, result in by_rubric.items()
    }
    contrasts = [tuple(pair) for pair in settings["contrasts"]]
    return Analysis(
        **{**settings, "contrasts": contrasts}, flagged=doubtful, unfit=sorted(marks(tried))
    )


def read_analysis(study: Study, templates: Sequence[Path], canaries: Sequence[Path]) -> Analysis:
    """Settings of the outcomes from a study's config and files.

    Args:
        templates: one file per target; canaries: one per judge; in config order.
    """
    judges = study.robustness.judge_names()
    return analysis_of(
        analysis_settings(study),
        read_by_target(templates, study.targets),
        read_canaries(dict(zip(judges, canaries, strict=True))),
    )


def write_statistics(
    scores: pl.DataFrame,
    design: pl.DataFrame,
    analysis: Analysis,
    canaries: Mapping[str, Mapping[str, Any]],
    outputs: Mapping[str, Path],
    groups: Groups,
    human: Sequence[str],
) -> None:
    """Write the experiment's statistics by name, including the published procedure if requested.

    Args:
        scores, design: see `scored.conditions`.
        outputs: files by the names of `RobustnessExperiment.statistics`.
        groups, human: see `paper.robustness.procedure`.
    """
    scales = {name: shipped(name).steps for name in RUBRICS.values()} | analysis.scales
    frames = analyse(scores, design, analysis, canaries, scales)
    if PAPER in outputs:
        frames[PAPER] = procedure(scores, design, analysis, groups, human)
    for name, file in outputs.items():
        write_table(frames[name], file)
