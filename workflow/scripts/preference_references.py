"""Rule `preference_references`: the references as summaries of the author `human`."""

from pathlib import Path

import polars as pl

from manybaskets.experiments.preference.summaries import references
from manybaskets.jobs.job import job

with job(snakemake.log[0]):
    references(pl.read_parquet(snakemake.input[0]), Path(snakemake.output[0]))
