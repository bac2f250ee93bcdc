"""Tables and report of a study, put together from its statistics."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from manybaskets import report, tables
from manybaskets.config.study import Study
from manybaskets.figures.drawing import DIFFERENCES
from manybaskets.jobs import git_commit
from manybaskets.pilot import pilot_findings
from manybaskets.shown import in_config_order
from manybaskets.throughput import CAPTIONS as THROUGHPUT_CAPTIONS
from manybaskets.throughput import throughput_findings

CAPTIONS = Path(__file__).resolve().parents[1] / "report"
TITLES = {
    "conditions": "All conditions",
    "habits": "Habits inherited",
    "training-curves": "Training curves",
    "knowledge": "What the embedded models know",
    "throughput": "Throughput",
    "throughput-correlation": "Throughput against the size of the task",
}
PACKAGES = ("snakemake", "torch", "transformers", "peft", "polars", "numpy", "scipy", "sacrebleu")


def make_tables(
    summary: pl.DataFrame,
    comparisons: pl.DataFrame,
    counts: pl.DataFrame,
    *,
    measures: Sequence[str],
    targets: Sequence[str],
    mixes: Sequence[str],
    singles: Sequence[str],
    multis: Sequence[str],
) -> dict[str, report.Table]:
    """The tables of a study by file name, rows in the order of the config."""
    summary = in_config_order(summary, measures, targets, mixes)
    comparisons = in_config_order(comparisons, measures, targets, mixes)
    against = [
        tables.multi_against_singles(summary, singles, multi)
        .rename({multi: "several sources"})
        .with_columns(pl.lit(multi).alias("mix"))
        for multi in multis
    ]
    made = {
        "conditions": report.Table(
            "Conditions",
            tables.conditions(summary),
            "Every measure in every condition, with its interval and the prompts behind it.",
        ),
        "comparisons": report.Table(
            "Comparisons",
            tables.comparisons(comparisons),
            "Paired differences on the same prompts; Holm's correction covers each family.",
        ),
        "counts": report.Table("Counts", counts, "Rows of every stage."),
    }
    if singles and against:
        made["multi-against-singles"] = report.Table(
            "Several sources against one",
            pl.concat(against),
            "A mix of several sources beside every single source, their mean and the best of them.",
        )
    return made


def assemble(
    study: Study,
    summary: pl.DataFrame,
    comparisons: pl.DataFrame,
    counts: pl.DataFrame,
    knowledge: pl.DataFrame | None,
    *,
    pilots: Mapping[str, Mapping[str, Any]],
    throughput: Mapping[str, pl.DataFrame],
    figures: Sequence[Path],
    singles: Sequence[str],
    multis: Sequence[str],
) -> report.Report:
    """Put a study's report together.

    Args:
        pilots: verdicts of the sources' trials, by source.
        throughput: tables `throughput` and `throughput-correlation`; none without engines.
        figures: SVG files in reading order; `workflow/report/` has a paragraph for each.
    """
    order = (study.all_measures(), study.targets, list(study.mixes))
    made = make_tables(
        summary,
        comparisons,
        counts,
        measures=order[0],
        targets=order[1],
        mixes=order[2],
        singles=singles,
        multis=multis,
    )
    counted = made.pop("counts")
    ordered = in_config_order(summary, *order), in_config_order(comparisons, *order)
    return report.Report(
        title=study.study,
        about=study.about,
        findings=report.findings(
            *ordered, singles=singles, multis=multis, confidence=study.statistics.confidence
        ),
        warnings=report.warnings(*ordered),
        figures=[_picture(file) for file in figures],
        tables=list(made.values()),
        counts=[counted],
        knowledge=[] if knowledge is None else [report.Table("Knowledge", knowledge)],
        sources=[
            report.Table(TITLES[name], frame, THROUGHPUT_CAPTIONS[name])
            for name, frame in throughput.items()
        ],
        source_notes=[
            *pilot_findings(pilots),
            *(throughput_findings(throughput["throughput"]) if throughput else []),
        ],
        config=yaml.safe_dump(study.model_dump(mode="json"), sort_keys=False, allow_unicode=True),
        provenance=_provenance(),
        embedded=study.dataset.kind == "embedded",
    )


def _picture(file: Path) -> report.Picture:
    name = file.stem
    if name.startswith(DIFFERENCES):
        title = f"Differences: {name.removeprefix(DIFFERENCES)}"
        return report.Picture(title, file, report.read_caption(CAPTIONS / "differences.rst"))
    return report.Picture(TITLES[name], file, report.read_caption(CAPTIONS / f"{name}.rst"))


def _provenance() -> dict[str, str]:
    versions = {"git commit": git_commit(), "Python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not on the machine that wrote this report"
    return versions
