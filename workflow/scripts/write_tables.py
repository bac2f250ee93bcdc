"""Rule `write_tables`: all tables as CSV, Markdown and LaTeX."""

from pathlib import Path

import polars as pl

from manybaskets.jobs import job
from manybaskets.study_report import make_tables
from manybaskets.tables import write_all

with job(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    made = make_tables(
        pl.read_parquet(given.summary),
        pl.read_parquet(given.comparisons),
        pl.read_parquet(given.counts),
        measures=params.measures,
        targets=params.targets,
        mixes=params.mixes,
        singles=params.singles,
        multis=params.multis,
    )
    folder = Path(snakemake.output[0]).parent
    for name, table in made.items():
        write_all(table.frame, folder / name, table.caption)
