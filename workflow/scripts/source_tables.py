"""Rule `source_tables`: tables of the sources' similarity, distances, topics and inherited style."""

from pathlib import Path

import polars as pl

from manybaskets.inheritance import source_tables
from manybaskets.jobs import job
from manybaskets.tables import write_all

with job(snakemake.log[0]):
    folder = Path(snakemake.output[0]).parent
    frames = {
        name: pl.read_parquet(file)
        for name, file in zip(snakemake.params.names, snakemake.input, strict=True)
    }
    for name, table in source_tables(frames).items():
        write_all(table.frame, folder / name, table.caption)
