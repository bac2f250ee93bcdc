"""Rule `source_tables`: tables of the sources' similarity, distances, topics and inherited style."""

from pathlib import Path

import polars as pl

from manybaskets.jobs.job import job
from manybaskets.presentation.table_forms import write_all
from manybaskets.report.source_findings import source_tables

with job(snakemake.log[0]):
    folder = Path(snakemake.output[0]).parent
    frames = {
        name: pl.read_parquet(file)
        for name, file in zip(snakemake.params.names, snakemake.input, strict=True)
    }
    for name, table in source_tables(frames).items():
        write_all(table.frame, folder / name, table.caption)
