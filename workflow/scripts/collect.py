"""Rule `collect`: the shards of a source as one checked file."""

from pathlib import Path

import polars as pl

from manybaskets.generation import collect_shards
from manybaskets.jobs import job

with job(snakemake.log[0]):
    collect_shards(
        [Path(shard) for shard in snakemake.input.shards],
        pl.read_parquet(snakemake.input.prompts),
        snakemake.params.max_error_share,
        Path(snakemake.output[0]),
    )
