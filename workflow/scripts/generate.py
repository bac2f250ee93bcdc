"""Rule `generate`: one shard of a source's answers."""

from pathlib import Path

import polars as pl

from manybaskets.config.parts import Prompting, Source
from manybaskets.generation import answer_prompts, shard_of
from manybaskets.jobs import job

with job(snakemake.log[0]):
    from manybaskets.engines.transformers_engine import TransformersEngine

    source = Source(**snakemake.params.source)
    prompting = Prompting(**snakemake.params.prompting)
    prompts = pl.read_parquet(snakemake.input.prompts)
    shard, shards = int(snakemake.wildcards.shard), int(snakemake.wildcards.shards)
    answer_prompts(
        shard_of(prompts, shard, shards),
        TransformersEngine(
            Path(snakemake.input.model),
            prompting,
            snakemake.params.precision,
            snakemake.threads,
            source.model,
        ),
        who=snakemake.wildcards.source,
        sampling=source.sampling,
        samples=1,
        batch_size=source.batch_size,
        max_prompt_tokens=prompting.max_prompt_tokens,
        max_error_share=source.max_error_share,
        study_seed=snakemake.params.seed,
        work=Path(snakemake.params.work),
        output=Path(snakemake.output[0]),
    )
