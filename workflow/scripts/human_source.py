"""Rule `human_source`: the human answers as responses."""

from pathlib import Path

import polars as pl

from manybaskets.generation.shards import human_responses
from manybaskets.jobs.job import job
from manybaskets.records.responses import write_responses

with job(snakemake.log[0]):
    rows = human_responses(pl.read_parquet(snakemake.input[0]))
    write_responses(rows, Path(snakemake.output[0]), {"who": "human"})
