"""Rule `pilot`: the trial of a source before its first shard."""

from pathlib import Path

import polars as pl

from manybaskets.generation.pilot.trial import run_trial, share_of_cap
from manybaskets.generation.prompt_fitting import require_fitted_prompts
from manybaskets.generation.source import answering, engine_of, source_of
from manybaskets.jobs.job import job

with job(snakemake.log[0], snakemake.resources.get("devices", 0)):
    name, params = snakemake.wildcards.source, snakemake.params
    model = next(iter(snakemake.input.model), None)
    source = source_of(params, snakemake.config["operations"], name)
    prompts = pl.read_parquet(snakemake.input.prompts)
    readers = snakemake.config["operations"]["prompt_readers"]
    require_fitted_prompts(
        Path(snakemake.input.prompts), source.model, model, readers, params.prompting
    )
    engine = engine_of(
        name,
        source,
        params,
        model=model,
        threads=snakemake.threads,
        gpus=snakemake.resources.get("devices", 0),
        share_of_cap=share_of_cap(source.pilot.prompts, prompts.height),
    )
    run_trial(
        source,
        engine,
        prompts,
        answering(name, source, params, work=Path(params.work)),
        system_prompt=params.prompting["system_prompt"],
        model=Path(model) if model else None,
        output=Path(snakemake.output[0]),
    )
