"""Rule `write_report`: one page that opens offline."""

import json
from pathlib import Path

import polars as pl

from manybaskets.config import parse_study
from manybaskets.jobs.job import job
from manybaskets.presentation.page import write_report
from manybaskets.report.all_tables import tables_to_show
from manybaskets.report.assemble import assemble
from manybaskets.report.experiment_sections import (
    experiment_headlines,
    experiment_sections,
    inputs_by_experiment,
    table_contexts,
)

with job(snakemake.log[0]):
    inputs, params = snakemake.input, snakemake.params
    study = parse_study(params.study, "the config of this run")
    frames = {Path(file).stem: pl.read_parquet(file) for file in inputs.statistics}
    computed = {Path(file).stem: pl.read_csv(file) for file in inputs.tables}
    experiments = inputs_by_experiment(study, inputs)
    tables = tables_to_show(study, frames, computed, table_contexts(study, experiments))
    pilots = zip(params.pilots, inputs.pilots, strict=True)
    report = assemble(
        study,
        frames,
        kinds=params.kinds,
        pilots={name: json.loads(Path(file).read_text()) for name, file in pilots},
        computed=computed,
        tables=tables,
        figures={Path(file).stem: Path(file) for file in inputs.figures},
        experiments=experiment_sections(study, frames, tables, experiments),
        headlines=experiment_headlines(study, frames),
    )
    write_report(Path(snakemake.output[0]), report)
