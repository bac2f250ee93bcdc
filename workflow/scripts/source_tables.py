"""Rule `source_tables`: tables of the sources' similarity, distances, topics and inherited style."""

from pathlib import Path

import polars as pl

import manybaskets.report.source_findings  # noqa: F401 registers the tables
from manybaskets.jobs.job import job
from manybaskets.presentation.tables import make_tables, write_tables

with job(snakemake.log[0]):
    frames = {Path(file).stem: pl.read_parquet(file) for file in snakemake.input}
    made = make_tables(snakemake.params.names, frames, None)
    write_tables(made, Path(snakemake.output[0]).parent)
