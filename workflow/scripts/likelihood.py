"""Rules `likelihood`, `likelihood_vanilla`: human and own answers under a target and its runs."""

from pathlib import Path

import polars as pl

from manybaskets.config.analysis import Scoring
from manybaskets.config.parts import Prompting
from manybaskets.jobs import job

with job(snakemake.log[0], snakemake.resources.get("devices", 0)):
    from manybaskets.engines.transformers_engine import TransformersEngine
    from manybaskets.likelihood import score_runs

    prompting = Prompting(**snakemake.params.prompting)
    score_runs(
        TransformersEngine(
            Path(snakemake.input.model),
            prompting,
            snakemake.params.precision,
            snakemake.threads,
            snakemake.wildcards.target,
        ),
        pl.read_parquet(snakemake.input.prompts),
        pl.read_parquet(snakemake.input.split),
        adapters=[Path(folder) for folder in snakemake.input.get("adapters", [])],
        responses=[Path(file) for file in snakemake.input.responses],
        max_prompt_tokens=prompting.max_prompt_tokens,
        how=Scoring(**snakemake.params.scoring),
        outputs=[Path(file) for file in snakemake.output],
    )
