"""Rule `replay`: ready answers as the responses of a source."""

from pathlib import Path

import polars as pl

from manybaskets.generation.replay import replay
from manybaskets.generation.source import source_of
from manybaskets.jobs.job import job

with job(snakemake.log[0]):
    name = snakemake.wildcards.source
    replay(
        pl.read_parquet(snakemake.input.prompts),
        name,
        source_of(snakemake.params, snakemake.config["operations"], name),
        Path(snakemake.input.answers),
        Path(snakemake.output.responses),
        Path(snakemake.output.quarantine),
    )
