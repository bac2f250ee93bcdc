"""The experiment's tables and its part of the report, put together from its statistics."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from manybaskets.config.evaluation import Published
from manybaskets.config.study import Study
from manybaskets.experiments.robustness import findings
from manybaskets.experiments.robustness.analysis import FRAMES
from manybaskets.experiments.robustness.published_numbers import (
    CAPTIONS,
    compare_robustness,
    contrasts,
    load_robustness,
    published_findings,
)
from manybaskets.experiments.robustness.published_procedure import CAPTION
from manybaskets.experiments.robustness.scores import Analysis
from manybaskets.experiments.robustness.tables import NAMES, make_tables
from manybaskets.presentation.page import Experiment, Table

PAPER = "robustness-paper"
PUBLISHED = tuple(CAPTIONS)
_TITLES = ("Robustness as published", "Direction of the published differences in robustness")


def frame_names(study: Study) -> list[str]:
    """Statistics of the experiment that a study has, by their files' names."""
    if not study.robustness:
        return []
    return [*FRAMES, *([PAPER] if study.robustness.published_procedure else [])]


def table_names(study: Study) -> list[str]:
    """Tables of the experiment that a study has, by their files' names."""
    if not study.robustness:
        return []
    paper = study.robustness.published_procedure
    return [*NAMES, *([PAPER] if paper else []), *(PUBLISHED if paper and _cells(study) else [])]


def _cells(study: Study) -> bool:
    return bool(
        study.published_cells and study.published_cells.targets and study.published_cells.conditions
    )


def tables_of(
    frames: Mapping[str, pl.DataFrame],
    analysis: Analysis,
    published: Published | None,
    numbers: Path,
) -> dict[str, Table]:
    """All tables by file name.

    Args:
        frames: the study's statistics, `frame_names` among them.
        published: which cells of the published tables the study has.
        numbers: file of the published numbers.
    """
    made = make_tables(frames, analysis)
    if PAPER not in frames:
        return made
    made[PAPER] = Table("The published procedure on harm and quality", frames[PAPER], CAPTION)
    if published and published.targets and published.conditions:
        summary = frames[FRAMES[0]]
        compared = compare_robustness(load_robustness(numbers), frames[PAPER], summary, published)
        both = (compared, contrasts(compared))
        for name, title, frame in zip(PUBLISHED, _TITLES, both, strict=True):
            made[name] = Table(title, frame, CAPTIONS[name])
    return made


def experiment_of(
    frames: Mapping[str, pl.DataFrame], analysis: Analysis, tables: Mapping[str, Table]
) -> Experiment:
    """The experiment's part of the report.

    Args:
        frames: the study's statistics; tables: what `tables_of` makes of them.
    """
    said = findings.findings(frames, analysis)
    if set(PUBLISHED) <= set(tables):
        said += published_findings(*(tables[name].frame for name in PUBLISHED))
    return Experiment(
        name="robustness",
        title="Robustness",
        sentences=said,
        tables=list(tables.values()),
        warnings=findings.warnings(frames, analysis),
    )
