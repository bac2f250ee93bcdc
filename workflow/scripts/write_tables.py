"""Rule `write_tables`: all tables as CSV, Markdown and LaTeX."""

from pathlib import Path

import polars as pl

from manybaskets.jobs.job import job
from manybaskets.presentation.table_forms import write_all
from manybaskets.report.study_tables import Order, make_tables

with job(snakemake.log[0]):
    params = snakemake.params
    made = make_tables(
        params.names,
        {Path(file).stem: pl.read_parquet(file) for file in snakemake.input},
        Order(**params.order),
        params.confidence,
    )
    folder = Path(snakemake.output[0]).parent
    for name, table in made.items():
        write_all(table.frame, folder / name, table.caption)
