"""Rule `references`: the references as summaries of the author `human`."""

from pathlib import Path

import polars as pl

from manybaskets.jobs import job
from manybaskets.preference.summaries import references

with job(snakemake.log[0]):
    references(pl.read_parquet(snakemake.input[0]), Path(snakemake.output[0]))
