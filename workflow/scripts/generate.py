"""Rule `generate`: one shard of a source's answers."""

from pathlib import Path

import polars as pl

from manybaskets.generation.answering import answer_prompts
from manybaskets.generation.pilot.trial import shard_share_of_cap
from manybaskets.generation.shards import shard_of
from manybaskets.generation.source import answering, engine_of, source_of
from manybaskets.jobs.job import job

with job(snakemake.log[0], snakemake.resources.get("devices", 0)):
    name, params = snakemake.wildcards.source, snakemake.params
    shard, shards = int(snakemake.wildcards.shard), int(snakemake.wildcards.shards)
    source = source_of(params, snakemake.config["operations"], name)
    prompts = pl.read_parquet(snakemake.input.prompts)
    engine = engine_of(
        name,
        source,
        params,
        model=next(iter(snakemake.input.model), None),
        threads=snakemake.threads,
        gpus=snakemake.resources.get("devices", 0),
        share_of_cap=shard_share_of_cap(source, prompts.height),
    )
    settings = answering(
        name,
        source,
        params,
        work=Path(params.work),
        quarantine=Path(snakemake.output.quarantine),
        usage=Path(snakemake.output.usage),
    )
    answer_prompts(
        shard_of(prompts, shard, shards), engine, settings, Path(snakemake.output.responses)
    )
