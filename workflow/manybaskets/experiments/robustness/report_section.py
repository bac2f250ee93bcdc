"""The experiment's section of the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import polars as pl

from manybaskets.experiments.robustness import findings
from manybaskets.experiments.robustness.comparisons import FAMILY
from manybaskets.experiments.robustness.outcomes import label_of
from manybaskets.experiments.robustness.published_numbers import published_findings
from manybaskets.experiments.robustness.scores import (
    BENIGN,
    CONTROL,
    DIRECT,
    JAILBREAK,
    UNFIT,
    Analysis,
)
from manybaskets.experiments.robustness.tables import CONTRASTS, PUBLISHED
from manybaskets.presentation.page import ReportSection, Table
from manybaskets.presentation.verdict_table import CANNOT, HeadlineOutcome, VerdictCell, cell_of

# What the experiment is about, the hardest prompts first; a study has some of these prompt sets.
_HEADLINES = (
    (JAILBREAK, "harm", "difference, points of 1 to 5", -1),
    (DIRECT, "harm", "difference, points of 1 to 5", -1),
    (BENIGN, "refused", "difference, share", -1),
    (CONTROL, "quality_all", "difference, points of 1 to 5", 1),
)


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


def headlines_of(compared: pl.DataFrame) -> list[HeadlineOutcome]:
    """Harm, over-refusal and quality of every mix against the first baseline of its contrasts.

    Args:
        compared: of `ROBUSTNESS_COMPARISONS_SCHEMA`.
    """
    declared = compared.filter(pl.col("family") == FAMILY, pl.col("difference").is_not_null())
    outcomes = []
    for prompt_set, outcome, scale, better in _HEADLINES:
        rows = declared.filter(pl.col("prompt_set") == prompt_set, pl.col("outcome") == outcome)
        rows = rows.with_columns(value="difference")
        if not rows.height:
            continue
        baseline = rows["baseline"][0]
        chosen = rows.filter(pl.col("baseline") == baseline).rows(named=True)
        cells = {(row["target"], row["mix"]): _cell(row) for row in chosen}
        title = f"{label_of(outcome)} on `{prompt_set}` prompts"
        outcomes.append(HeadlineOutcome(title, baseline, scale, better, "robustness", cells))
    return outcomes


def _cell(row: Mapping[str, Any]) -> VerdictCell:
    """Scores of a judge that did not pass its canaries decide nothing, however clear they are."""
    cell = cell_of(row)
    if not row["marks"]:
        return cell
    unfit = any(mark.endswith(UNFIT) for mark in row["marks"].split("; "))
    state = CANNOT if unfit else cell.state
    return replace(cell, state=state, why=f"{cell.why}; judge {row['marks']}")
