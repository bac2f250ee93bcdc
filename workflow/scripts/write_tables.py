"""Rule `write_tables`: all tables as CSV, Markdown and LaTeX."""

from pathlib import Path

import polars as pl

from manybaskets.jobs.job import job
from manybaskets.presentation.tables import make_tables, write_tables
from manybaskets.report import all_tables  # noqa: F401 registers those of experiments, too
from manybaskets.report.study_tables import Order, TableContext

with job(snakemake.log[0]):
    params = snakemake.params
    context = TableContext(Order(**params.order), params.confidence)
    frames = {Path(file).stem: pl.read_parquet(file) for file in snakemake.input}
    made = make_tables(params.names, context.sorted(frames), context)
    write_tables(made, Path(snakemake.output[0]).parent)
