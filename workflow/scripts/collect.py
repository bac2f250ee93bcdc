"""Rule `collect`: the shards of a source as one checked file."""

from pathlib import Path

import polars as pl

from manybaskets.generation import collect_shards
from manybaskets.jobs import job
from manybaskets.records import write_text
from manybaskets.sources import largest_failed_share

with job(snakemake.log[0]):
    operations = snakemake.config["operations"]["sources"][snakemake.wildcards.source]
    collect_shards(
        [Path(shard) for shard in snakemake.input.shards],
        pl.read_parquet(snakemake.input.prompts),
        largest_failed_share(operations),
        Path(snakemake.output.responses),
    )
    apart = "".join(Path(file).read_text() for file in snakemake.input.quarantine)
    write_text(apart, Path(snakemake.output.quarantine))
