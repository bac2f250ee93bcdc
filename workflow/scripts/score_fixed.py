"""Rule `score_fixed`: human and own answers under the fixed scorer, beside the target's likelihoods."""

from pathlib import Path

import polars as pl

from manybaskets.config.evaluation import Scoring
from manybaskets.config.models import ModelPrompting
from manybaskets.jobs.job import job

with job(snakemake.log[0], snakemake.resources.get("devices", 0)):
    from manybaskets.engines.transformers_engine import TransformersEngine
    from manybaskets.scoring.likelihood import score_with_another

    inputs, params = snakemake.input, snakemake.params
    prompting = ModelPrompting(**params.prompting)
    engine = None
    if params.name:
        engine = TransformersEngine(
            Path(inputs.model[0]),
            prompting,
            params.precision,
            snakemake.threads,
            params.name,
            gpus=snakemake.resources.get("devices", 0),
        )
    score_with_another(
        engine,
        pl.read_parquet(inputs.prompts),
        pl.read_parquet(inputs.split),
        runs=[(mix, seed) for mix, seed in params.runs],
        responses=[Path(file) for file in inputs.responses],
        scored=[Path(file) for file in inputs.scored],
        max_prompt_tokens=prompting.max_prompt_tokens,
        settings=Scoring(**params.scoring),
        work=Path(params.work),
        outputs=[Path(file) for file in snakemake.output],
    )
