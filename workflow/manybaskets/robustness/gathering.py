"""The experiment's files without text, gathered for statistics."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.judging.canaries import marks
from manybaskets.robustness.scored import Analysis


def read_scores(files: Sequence[Path], runs: Sequence[tuple[str, str, int]]) -> pl.DataFrame:
    """Scores of all runs, with target, mix and seed; `files` are in the order of `runs`."""
    parts = [
        pl.read_parquet(file).with_columns(
            target=pl.lit(target), mix=pl.lit(mix), seed=pl.lit(seed, pl.Int64)
        )
        for file, (target, mix, seed) in zip(files, runs, strict=True)
    ]
    return pl.concat(parts)


def read_by_target(files: Sequence[Path], targets: Sequence[str]) -> pl.DataFrame:
    """Designs or templates of all targets, with the column `target`."""
    parts = [
        pl.read_parquet(file).with_columns(target=pl.lit(target))
        for file, target in zip(files, targets, strict=True)
    ]
    return pl.concat(parts)


def analysis_of(
    settings: Mapping[str, Any], templates: pl.DataFrame, canaries: Mapping[str, Path]
) -> Analysis:
    """What the outcomes have to know: the study's settings, doubtful templates, unfit judges.

    Args:
        settings: as `panel.analysis_settings` gives them.
        templates: columns of `templates.USED`.
        canaries: the file of a judge's trial, by judge.
    """
    doubtful = templates.filter(pl.col("doubtful"))["template_id"].unique().sort().to_list()
    tried = {
        (name, rubric): result
        for name, file in canaries.items()
        for rubric, result in json.loads(Path(file).read_text(encoding="utf-8")).items()
    }
    contrasts = [tuple(pair) for pair in settings["contrasts"]]
    return Analysis(
        **{**settings, "contrasts": contrasts}, flagged=doubtful, unfit=sorted(marks(tried))
    )
