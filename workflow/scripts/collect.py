"""Rule `collect`: the shards of a source as one checked file."""

from pathlib import Path

import polars as pl

from manybaskets.generation.shards import collect_shards
from manybaskets.generation.source import largest_failed_share
from manybaskets.jobs.job import job
from manybaskets.records.writing import write_text

with job(snakemake.log[0]):
    operations = snakemake.config["operations"]["sources"][snakemake.wildcards.source]
    collect_shards(
        [Path(shard) for shard in snakemake.input.shards],
        pl.read_parquet(snakemake.input.prompts),
        largest_failed_share(operations),
        Path(snakemake.output.responses),
    )
    quarantined = "".join(Path(file).read_text() for file in snakemake.input.quarantine)
    write_text(quarantined, Path(snakemake.output.quarantine))
