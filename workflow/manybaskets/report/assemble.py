"""The report of a study, put together from its statistics, figures and tables."""

from __future__ import annotations

import platform
from collections import defaultdict
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from manybaskets.config.study import Study
from manybaskets.jobs.provenance import git_commit
from manybaskets.presentation import page as report
from manybaskets.presentation.figures.registry import FIGURES
from manybaskets.presentation.page import Experiment
from manybaskets.published import collapse_numbers as published
from manybaskets.published.procedure_comparison import CAPTION as PAPER_CAPTION
from manybaskets.published.similarity_numbers import CAPTION as PUBLISHED_SIMILARITY_CAPTION
from manybaskets.records.measured import of_runs, of_sources
from manybaskets.report.divergence import divergence_findings
from manybaskets.report.figures import planned_figures
from manybaskets.report.findings import findings
from manybaskets.report.findings import warnings as warnings_
from manybaskets.report.pilots import pilot_findings
from manybaskets.report.source_counts import source_count_findings, source_count_trends
from manybaskets.report.source_findings import source_findings, source_tables
from manybaskets.report.study_tables import Order, make_tables, table_names
from manybaskets.report.throughput import CAPTIONS as THROUGHPUT_CAPTIONS
from manybaskets.report.throughput import throughput_findings
from manybaskets.scoring.divergence import MixKind

# Tables that other rules write and that the report reads as they are.
OTHER_TABLES = {
    "throughput": ("Throughput", THROUGHPUT_CAPTIONS["throughput"]),
    "throughput-correlation": (
        "Throughput against the size of the task",
        THROUGHPUT_CAPTIONS["throughput-correlation"],
    ),
    "paper-variants": ("The published procedures beside this project's", PAPER_CAPTION),
    "published-contrasts": (
        "Direction of the published differences",
        published.CAPTIONS["published-contrasts"],
    ),
    "published": ("Reported against reproduced", published.CAPTIONS["published"]),
    "published-similarity": ("Similarity as published", PUBLISHED_SIMILARITY_CAPTION),
}
_OF_SOURCES = ("conditions-sources", "comparisons-sources")
_OF_COUNTING = ("exclusions", "counts")
PACKAGES = ("snakemake", "torch", "transformers", "peft", "polars", "numpy", "scipy", "sacrebleu")


def assemble(
    study: Study,
    frames: Mapping[str, pl.DataFrame],
    *,
    kinds: Mapping[str, MixKind],
    pilots: Mapping[str, Mapping[str, Any]],
    others: Mapping[str, pl.DataFrame],
    figures: Mapping[str, Path],
    experiments: Sequence[Experiment] = (),
) -> report.Report:
    """Put a study's report together.

    Args:
        frames: tables of `statistics/` by name: `summary`, `comparisons`, `counts`, and those of
            `divergence`, `knowledge` and the sources that the study has.
        kinds: whether a mix holds answers of people, of one source, or of several.
        pilots: verdicts of the sources' trials, by source.
        others: tables of `OTHER_TABLES` by name.
        figures: SVG files by name; as `planned_figures` names them.
        experiments: those that the study has, in reading order.
    """
    order, confidence = Order.of(study), study.statistics.confidence
    made = make_tables(table_names(study), frames, order, confidence)
    of_the_sources = source_tables(
        {name: frame for name, frame in frames.items() if name in _SOURCE_FRAMES}
    )
    summary, compared = order.sorted(frames["summary"]), order.sorted(frames["comparisons"])
    about_runs = [name for name in made if name not in (*_OF_SOURCES, *_OF_COUNTING)]
    shown: dict[str, list[report.Figure]] = defaultdict(list)
    for name, plan in planned_figures(study).items():
        caption = FIGURES.get(plan.kind).caption
        shown[plan.section].append(report.Figure(plan.title, figures[name], caption))
    inherited = [of_the_sources.pop("style-inheritance", None)]
    about_sources = source_findings(
        {name: frames[name] for name in of_the_sources}, confidence=confidence
    )
    sources = [
        *pilot_findings(pilots),
        *(throughput_findings(others["throughput"]) if "throughput" in others else []),
        *about_sources,
        *findings(of_sources(summary), of_sources(compared), confidence=confidence),
    ]
    listed = {name: _other(name, frame) for name, frame in others.items()}
    published_ones = [name for name in listed if not name.startswith("throughput")]
    sections = [
        report.Section("Runs", _about_runs(frames, order, kinds, confidence), shown["runs"],
                    [*(made[name] for name in about_runs), *filter(None, inherited)]),
        report.Section("Sources", sources, shown["sources"],
                    [*(made[name] for name in _OF_SOURCES if name in made),
                     *of_the_sources.values(),
                     *(table for name, table in listed.items() if name not in published_ones)]),
        *(report.Section(each.title, each.sentences, shown[each.name], each.tables)
          for each in experiments),
        report.Section("The published study", _about_published(others),
                    tables=[listed[name] for name in OTHER_TABLES if name in published_ones]),
        report.Section("Making", (), shown["making"],
                    [report.Table("Knowledge", frames["knowledge"])] if "knowledge" in frames else []),
        report.Section("Counts", tables=[made[name] for name in _OF_COUNTING]),
    ]  # fmt: skip
    warnings = warnings_(summary, compared)
    warnings += [warning for each in experiments for warning in each.warnings]
    if study.scoring.no_scorer_reason and study.targets:
        warnings.append(
            "Answers are scored under the models of this study alone, which find text of their own "
            f"family likely. Why there is no other scorer: {study.scoring.no_scorer_reason}"
        )
    return report.Report(
        title=study.study,
        about=study.about,
        findings=findings(
            of_runs(summary),
            of_runs(compared),
            singles=order.singles,
            multis=order.multis,
            confidence=confidence,
        ),
        warnings=warnings,
        sections=sections,
        config=yaml.safe_dump(study.settings(), sort_keys=False, allow_unicode=True),
        provenance=_provenance(),
        embedded=study.dataset.kind == "embedded",
    )


_SOURCE_FRAMES = ("similarity", "source-distances", "topics", "style-inheritance")


def _about_runs(
    frames: Mapping[str, pl.DataFrame],
    order: Order,
    kinds: Mapping[str, MixKind],
    confidence: float,
) -> list[str]:
    said = []
    if "divergence" in frames:
        said += divergence_findings(frames["divergence"], kinds, confidence)
    for family, members in order.families.items():
        trends = source_count_trends(of_runs(order.sorted(frames["summary"])), members, confidence)
        alike = pl.when(pl.col("scale") == "ratio").then(1.0).otherwise(0.0)
        told = trends.filter((pl.col("low") > alike) | (pl.col("high") < alike))
        said += source_count_findings(told, family, confidence)
        said.append(
            f"Number of sources (family `{family}`, {len(members)} mixes): {told.height} of "
            f"{trends.height} measures change with it by more than the interval of the trend; the "
            "table of trends has all."
        )
    if "style-inheritance" in frames:
        only = {"style-inheritance": frames["style-inheritance"]}
        said += source_findings(only, confidence=confidence)
    return said


def _about_published(others: Mapping[str, pl.DataFrame]) -> list[str]:
    if "published" not in others:
        return []
    return published.findings(others["published"], others["published-contrasts"])


def _other(name: str, frame: pl.DataFrame) -> report.Table:
    title, caption = OTHER_TABLES[name]
    return report.Table(title, frame, caption)


def _provenance() -> dict[str, str]:
    versions = {"git commit": git_commit(), "Python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not on the machine that wrote this report"
    return versions
