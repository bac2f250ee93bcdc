"""The experiment's statistics by name, and its section of the report."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from manybaskets.config.study import Study
from manybaskets.experiments.robustness import findings
from manybaskets.experiments.robustness.analysis import FRAMES
from manybaskets.experiments.robustness.published_numbers import published_findings
from manybaskets.experiments.robustness.scores import Analysis
from manybaskets.experiments.robustness.tables import CONTRASTS, PAPER, PUBLISHED
from manybaskets.presentation.page import Section, Table


def frame_names(study: Study) -> list[str]:
    """Statistics of the experiment that a study has, by their files' names."""
    if not study.robustness:
        return []
    return [*FRAMES, *([PAPER] if study.robustness.published_procedure else [])]


def section_of(
    frames: Mapping[str, pl.DataFrame], analysis: Analysis, tables: Mapping[str, Table]
) -> Section:
    """The experiment's section of the report, without its tables and figures.

    Args:
        frames: the study's statistics.
        tables: those of the report by name.
    """
    said = findings.findings(frames, analysis)
    if PUBLISHED in tables:
        said += published_findings(tables[PUBLISHED].frame, tables[CONTRASTS].frame)
    return Section("Robustness", said, warnings=findings.warnings(frames, analysis))
