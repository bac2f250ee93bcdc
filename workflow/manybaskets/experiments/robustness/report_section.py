"""The experiment's section of the report."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from manybaskets.experiments.robustness import findings
from manybaskets.experiments.robustness.published_numbers import published_findings
from manybaskets.experiments.robustness.scores import Analysis
from manybaskets.experiments.robustness.tables import CONTRASTS, PUBLISHED
from manybaskets.presentation.page import ReportSection, Table


def section_of(
    frames: Mapping[str, pl.DataFrame], analysis: Analysis, tables: Mapping[str, Table]
) -> ReportSection:
    """The experiment's section of the report, without its tables and figures.

    Args:
        frames: the study's statistics.
        tables: those of the report by name.
    """
    said = findings.findings(frames, analysis)
    if PUBLISHED in tables:
        said += published_findings(tables[PUBLISHED].frame, tables[CONTRASTS].frame)
    return ReportSection("Robustness", said, warnings=findings.warnings(frames, analysis))
