"""The report of a study, put together from its statistics, figures and tables."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from manybaskets.config.blends import blends_of
from manybaskets.config.study import Study
from manybaskets.jobs.provenance import git_commit
from manybaskets.presentation.figures.registry import FIGURES
from manybaskets.presentation.page import Figure, Report, ReportSection, Table
from manybaskets.presentation.tables import REPORT
from manybaskets.presentation.verdict_table import HeadlineOutcome
from manybaskets.published import collapse_numbers
from manybaskets.records.measured import of_runs, of_sources
from manybaskets.report.all_tables import tables_of
from manybaskets.report.blends import blend_findings, blend_rows
from manybaskets.report.copies import copy_warnings
from manybaskets.report.divergence import divergence_findings
from manybaskets.report.dominated_mixes import dominated_mixes
from manybaskets.report.figures import planned_figures
from manybaskets.report.findings import findings, study_warnings
from manybaskets.report.headlines import verdict_table
from manybaskets.report.measured_tables import comparison_rows
from manybaskets.report.pilots import pilot_findings
from manybaskets.report.report_sections import COUNTS, MAKING, PUBLISHED, RUNS, SOURCES
from manybaskets.report.source_counts import source_count_findings, source_count_trends
from manybaskets.report.source_findings import source_findings
from manybaskets.report.study_tables import Order
from manybaskets.report.throughput import throughput_findings
from manybaskets.scoring.divergence import MixKind
from manybaskets.statistics import COMPARISONS_SCHEMA, SUMMARY
from manybaskets.statistics.blends import BLENDS

# Of a study without a dataset.
_NOTHING_MEASURED = {
    "summary": pl.DataFrame(schema=SUMMARY),
    "comparisons": pl.DataFrame(schema=COMPARISONS_SCHEMA),
}
_ABOUT_SOURCES = ("similarity", "source-distances", "topics")
PACKAGES = ("snakemake", "torch", "transformers", "peft", "polars", "numpy", "scipy", "sacrebleu")


def assemble(
    study: Study,
    frames: Mapping[str, pl.DataFrame],
    *,
    kinds: Mapping[str, MixKind],
    pilots: Mapping[str, Mapping[str, Any]],
    computed: Mapping[str, pl.DataFrame],
    tables: Mapping[str, Table],
    figures: Mapping[str, Path],
    experiments: Mapping[str, ReportSection] | None = None,
    headlines: Sequence[Sequence[HeadlineOutcome]] = (),
) -> Report:
    """Put a study's report together.

    Args:
        frames: tables of `statistics/` by name: `summary`, `comparisons`, `counts`, and those of
            `divergence`, `knowledge` and the sources that the study has.
        kinds: whether a mix holds answers of people, of one source, or of several.
        pilots: verdicts of the sources' trials, by source.
        computed: tables whose rules compute them, by name.
        tables: what the report shows by name, as `tables_to_show` gives it.
        figures: SVG files by name, as `planned_figures` names them.
        experiments: their sections by name, without tables and figures, in reading order.
        headlines: the experiments' headline outcomes, one list per experiment.
    """
    order, confidence = Order.of(study), study.statistics.confidence
    frames = {**_NOTHING_MEASURED, **frames}
    summary, compared = order.sorted(frames["summary"]), order.sorted(frames["comparisons"])
    blends = _blend_table(frames, order)
    of_the_sources = findings(of_sources(compared), confidence=confidence)
    sections = {
        RUNS: ReportSection("Runs", _about_runs(frames, order, kinds, confidence)),
        SOURCES: ReportSection(
            "Sources",
            [
                *pilot_findings(pilots),
                *_about_throughput(computed),
                *source_findings(_about_sources(frames), confidence=confidence),
                *(of_the_sources if study.targets else []),
            ],
        ),
        **(experiments or {}),
        PUBLISHED: ReportSection("The published study", _about_published(computed)),
        MAKING: ReportSection("Making"),
        COUNTS: ReportSection("Counts"),
    }
    sections = _filled(study, sections, tables, figures)
    refused = [name for name, each in study.prompt_sets.items() if each.kind == "refused"]
    warnings = copy_warnings(frames["counts"], refused) if "counts" in frames else []
    warnings += dominated_mixes(study.mixes)
    warnings += study_warnings(summary, compared)
    warnings += [warning for section in sections for warning in section.warnings]
    if study.scoring.no_scorer_reason and study.targets:
        warnings.append(
            "Answers are scored only under the models of this study, which rate text of their own "
            "family as likely. Reason for having no other scorer: "
            f"{study.scoring.no_scorer_reason.rstrip('.')}. Compare `own_nll` between runs of one target only, or "
            "name a model of another family in `scoring.scorer`."
        )
    return Report(
        title=study.study,
        about=study.about,
        findings=main_findings(study, frames),
        warnings=warnings,
        sections=sections,
        config=yaml.safe_dump(study.settings(), sort_keys=False, allow_unicode=True),
        provenance=_provenance(),
        browser="browse/index.html",  # next to the report, where the rule `browse` puts it
        embedded=study.embedded_world,
        verdicts=verdict_table(study, comparison_rows(compared), blends, headlines),
    )


def main_findings(study: Study, frames: Mapping[str, pl.DataFrame]) -> list[str]:
    """What the report of a study opens with.

    Args:
        frames: tables of `statistics/` by name: `summary`, `comparisons`, and `blends` where the
            study has them.
    """
    order, confidence = Order.of(study), study.statistics.confidence
    compared = order.sorted(frames["comparisons"])
    if not study.targets:
        # The comparisons that it declared.
        return findings(of_sources(compared), confidence=confidence)
    of_the_runs = findings(of_runs(compared), confidence=confidence)
    told = blend_findings(_blend_table(frames, order), blends_of(study), confidence=confidence)
    return [*told, *of_the_runs]


def _filled(
    study: Study,
    sections: Mapping[str, ReportSection],
    tables: Mapping[str, Table],
    figures: Mapping[str, Path],
) -> list[ReportSection]:
    """The sections with the tables and figures that are registered for them."""
    figures_of: dict[str, list[Figure]] = {name: [] for name in sections}
    for name, plan in planned_figures(study).items():
        caption = FIGURES.get(plan.kind).caption
        svg = figures[name]
        figures_of[plan.section].append(Figure(plan.title, svg, caption, f"figures/{svg.name}"))
    listed: dict[str, list[Table]] = {name: [] for name in sections}
    for name, definition in tables_of(study).items():
        written = definition.rule != REPORT
        shown = replace(tables[name], csv=f"tables/{name}.csv") if written else tables[name]
        listed[definition.section].append(shown)
    return [
        replace(section, figures=figures_of[name], tables=listed[name])
        for name, section in sections.items()
    ]


def _about_sources(frames: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    return {name: frames[name] for name in _ABOUT_SOURCES if name in frames}


def _blend_table(frames: Mapping[str, pl.DataFrame], order: Order) -> pl.DataFrame:
    blends = order.sorted(frames.get("blends", pl.DataFrame(schema=BLENDS)))
    return blend_rows(blends, of_runs(frames["summary"]))


def _about_runs(
    frames: Mapping[str, pl.DataFrame],
    order: Order,
    kinds: Mapping[str, MixKind],
    confidence: float,
) -> list[str]:
    sentences = []
    if "divergence" in frames:
        sentences += divergence_findings(frames["divergence"], kinds, confidence)
    for family, members in order.families.items():
        trends = source_count_trends(of_runs(order.sorted(frames["summary"])), members, confidence)
        sentences += source_count_findings(trends, family, confidence)
    if "style-inheritance" in frames:
        only = {"style-inheritance": frames["style-inheritance"]}
        sentences += source_findings(only, confidence=confidence)
    return sentences


def _about_throughput(computed: Mapping[str, pl.DataFrame]) -> list[str]:
    if "throughput" not in computed:
        return []
    return throughput_findings(computed["throughput"], computed["throughput-correlation"])


def _about_published(computed: Mapping[str, pl.DataFrame]) -> list[str]:
    if "published" not in computed:
        return []
    return collapse_numbers.published_collapse_findings(
        computed["published"], computed["published-contrasts"]
    )


def _provenance() -> dict[str, str]:
    versions = {"git commit": git_commit(), "Python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not on the machine that wrote this report"
    return versions
