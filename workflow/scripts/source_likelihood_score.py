"""Rule `source_likelihood_score`: the sources' held-out answers under a target's runs."""

from pathlib import Path

import polars as pl

from manybaskets.config.evaluation import Scoring
from manybaskets.config.models import ModelPrompting
from manybaskets.generation.runs import adapters_of
from manybaskets.jobs.job import job
from manybaskets.records.responses import read_responses

with job(snakemake.log[0], snakemake.resources.get("devices", 0)):
    from manybaskets.engines.transformers_engine import TransformersEngine
    from manybaskets.experiments.source_likelihood.scoring import held_out, score_sources

    inputs, params, target = snakemake.input, snakemake.params, snakemake.wildcards.target
    prompting = ModelPrompting(**params.prompting)
    runs = [(mix, seed) for mix, seed in params.runs]
    chosen = held_out(
        pl.read_parquet(inputs.split), pl.read_parquet(inputs.eligible), params.chosen, params.seed
    )
    answers = [read_responses(Path(file)) for file in inputs.answers]
    devices = snakemake.resources.get("devices", 0)
    score_sources(
        TransformersEngine(
            Path(inputs.model), prompting, params.precision, snakemake.threads, target, gpus=devices
        ),
        pl.read_parquet(inputs.prompts).filter(pl.col("prompt_id").is_in(chosen)),
        dict(zip(params.sources, answers, strict=True)),
        target=target,
        runs=runs,
        adapters=adapters_of(runs, [Path(folder) for folder in inputs.adapters]),
        max_prompt_tokens=prompting.max_prompt_tokens,
        settings=Scoring(**params.scoring),
        outputs=[Path(file) for file in snakemake.output],
    )
