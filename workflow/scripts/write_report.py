"""Rule `write_report`: one page that opens offline."""

import json
from pathlib import Path

import polars as pl

from manybaskets.config import parse_study
from manybaskets.experiments.preference.findings import section_of as preference_section
from manybaskets.experiments.preference.tables import RULE as PREFERENCE_TABLES
from manybaskets.experiments.preference.tables import PreferenceContext
from manybaskets.experiments.robustness import presenting as robustness
from manybaskets.experiments.robustness import statistics as gathering
from manybaskets.experiments.robustness.tables import RULE as ROBUSTNESS_TABLES
from manybaskets.experiments.robustness.tables import RobustnessContext
from manybaskets.jobs.job import job
from manybaskets.presentation.page import write_report
from manybaskets.report.all_tables import tables_to_show
from manybaskets.report.assemble import assemble

with job(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    study = parse_study(params.study, "the config of this run")
    frames = {Path(file).stem: pl.read_parquet(file) for file in given.statistics}
    computed = {Path(file).stem: pl.read_csv(file) for file in given.tables}
    contexts, experiments = {}, {}
    if study.robustness:
        analysis = gathering.read_analysis(study, given.templates, given.canaries)
        numbers = Path(given.robustness[0])
        contexts[ROBUSTNESS_TABLES] = RobustnessContext(analysis, study.published_cells, numbers)
    if study.preference:
        texts, numbers = pl.read_parquet(given.texts[0]), Path(given.preference[0])
        contexts[PREFERENCE_TABLES] = PreferenceContext(texts, study.published_cells, numbers)
    tables = tables_to_show(study, frames, computed, contexts)
    if study.robustness:
        experiments["robustness"] = robustness.section_of(frames, analysis, tables)
    if study.preference:
        experiments["preference"] = preference_section(study, frames, tables)
    report = assemble(
        study,
        frames,
        kinds=params.kinds,
        pilots={
            name: json.loads(Path(file).read_text())
            for name, file in zip(params.pilots, given.pilots, strict=True)
        },
        computed=computed,
        tables=tables,
        figures={Path(file).stem: Path(file) for file in given.figures},
        experiments=experiments,
    )
    write_report(Path(snakemake.output[0]), report)
