"""Rule `split`: test, training and validation prompts, and the parts."""

from pathlib import Path

import polars as pl

from manybaskets.config.data import Split
from manybaskets.data.splits import split
from manybaskets.jobs.job import job
from manybaskets.records.writing import write_table

with job(snakemake.log[0]):
    rows = pl.read_parquet(snakemake.input[0])
    parts = split(rows, Split(**snakemake.params.split), snakemake.params.seed)
    write_table(parts, Path(snakemake.output[0]))
