"""Rule `summarise_divergence`: mean divergences of all targets, with intervals."""

from pathlib import Path

import polars as pl

from manybaskets.jobs.job import job
from manybaskets.records.writing import write_table
from manybaskets.scoring.divergence import summarise_divergences

with job(snakemake.log[0]):
    rows = pl.concat([pl.read_parquet(file) for file in snakemake.input])
    params = snakemake.params
    frame = summarise_divergences(
        rows, params.statistics["confidence"], params.statistics["resamples"], params.seed
    )
    write_table(frame, Path(snakemake.output[0]))
