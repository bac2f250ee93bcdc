"""Rule `clean`: clean the rows and count those that leave."""

from pathlib import Path

import polars as pl

from manybaskets.config.data import Cleaning
from manybaskets.data.cleaning import clean
from manybaskets.jobs.job import job
from manybaskets.records.writing import write_json, write_table

with job(snakemake.log[0]):
    raw = pl.read_parquet(snakemake.input[0])
    rows, counts = clean(raw, Cleaning(**snakemake.params.cleaning), snakemake.params.where)
    write_table(rows, Path(snakemake.output.rows))
    write_json(counts, Path(snakemake.output.counts))
