"""Rule `score_target`: human and own answers under a target's runs, and under the untuned target."""

from pathlib import Path

import polars as pl

from manybaskets.config.evaluation import Scoring
from manybaskets.config.models import ModelPrompting
from manybaskets.generation.runs import adapters_of
from manybaskets.jobs.job import job

with job(snakemake.log[0], snakemake.resources.get("devices", 0)):
    from manybaskets.engines.transformers_engine import TransformersEngine
    from manybaskets.scoring.likelihood import score_runs

    inputs, params, target = snakemake.input, snakemake.params, snakemake.wildcards.target
    prompting = ModelPrompting(**params.prompting)
    runs = [(mix, seed) for mix, seed in params.runs]
    score_runs(
        TransformersEngine(
            Path(inputs.model),
            prompting,
            params.precision,
            snakemake.threads,
            target,
            gpus=snakemake.resources.get("devices", 0),
        ),
        pl.read_parquet(inputs.prompts),
        pl.read_parquet(inputs.split),
        target=target,
        runs=runs,
        adapters=adapters_of(runs, [Path(folder) for folder in inputs.adapters]),
        responses=[Path(file) for file in inputs.responses],
        max_prompt_tokens=prompting.max_prompt_tokens,
        settings=Scoring(**params.scoring),
        work=Path(params.work),
        outputs=[Path(file) for file in snakemake.output],
    )
