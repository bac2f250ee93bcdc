"""Rule `write_report`: one page that opens offline."""

import json
from pathlib import Path

import polars as pl

from manybaskets.config import parse_study
from manybaskets.experiments import experiments_of
from manybaskets.jobs.job import job
from manybaskets.presentation.page import write_report
from manybaskets.report.all_tables import tables_to_show
from manybaskets.report.assemble import assemble

with job(snakemake.log[0]):
    inputs, params = snakemake.input, snakemake.params
    study = parse_study(params.study, "the config of this run")
    frames = {Path(file).stem: pl.read_parquet(file) for file in inputs.statistics}
    computed = {Path(file).stem: pl.read_csv(file) for file in inputs.tables}
    experiments = {
        each: {
            name: [Path(file) for file in inputs[f"{each.name}_{name}"]]
            for name in each.report_inputs(study)
        }
        for each in experiments_of(study)
    }
    contexts = {
        rule: context
        for each, files in experiments.items()
        for rule, context in each.table_contexts(study, files).items()
    }
    tables = tables_to_show(study, frames, computed, contexts)
    report = assemble(
        study,
        frames,
        kinds=params.kinds,
        pilots={
            name: json.loads(Path(file).read_text())
            for name, file in zip(params.pilots, inputs.pilots, strict=True)
        },
        computed=computed,
        tables=tables,
        figures={Path(file).stem: Path(file) for file in inputs.figures},
        experiments={
            each.name: each.report_section(study, frames, tables, files)
            for each, files in experiments.items()
        },
    )
    write_report(Path(snakemake.output[0]), report)
