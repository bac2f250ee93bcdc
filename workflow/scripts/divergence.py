"""Rule `divergence`: distributions of all runs of a target along the same human answers."""

from pathlib import Path

import polars as pl

from manybaskets.config.models import ModelPrompting
from manybaskets.generation.runs import checked_adapters
from manybaskets.jobs.job import job
from manybaskets.records.writing import write_table
from manybaskets.scoring.divergence import UNTUNED, comparisons_of, contexts, divergences

with job(snakemake.log[0], snakemake.resources.get("devices", 0)):
    from manybaskets.engines.transformers_engine import TransformersEngine

    inputs, params, target = snakemake.input, snakemake.params, snakemake.wildcards.target
    prompting = ModelPrompting(**params.prompting)
    engine = TransformersEngine(
        Path(inputs.model),
        prompting,
        params.precision,
        snakemake.threads,
        target,
        gpus=snakemake.resources.get("devices", 0),
    )
    texts = contexts(
        pl.read_parquet(inputs.prompts),
        pl.read_parquet(inputs.split),
        engine,
        prompting.max_prompt_tokens,
        params.prompts,
        params.seed,
    )
    runs = [(mix, seed) for mix in params.mixes for seed in params.seeds[mix]]
    own = checked_adapters(target, runs, [Path(folder) for folder in inputs.adapters])
    adapters = {UNTUNED: None} | dict(zip(runs, own, strict=True))
    compared = comparisons_of(params.mixes, params.seeds)
    rows = divergences(engine, texts, adapters, compared, params.batch_tokens)
    write_table(rows.select(pl.lit(target).alias("model"), pl.all()), Path(snakemake.output[0]))
