"""Rule `robustness_judge`: one judge scores the answers of a target's runs."""

from pathlib import Path

import polars as pl

from manybaskets.experiments.robustness.restricted import make_private, withheld
from manybaskets.jobs.job import job

inputs, params, name = snakemake.input, snakemake.params, snakemake.wildcards.judge
restricted, devices = Path(params.restricted), snakemake.resources.get("devices", 0)

with job(snakemake.log[0], devices):
    make_private(restricted)
    from manybaskets.experiments.robustness.judging import judge_runs, open_panel_judge
    from manybaskets.judging.rubrics import read_rubric

    operations = snakemake.config["operations"]["judges"][name]
    judge = open_panel_judge(
        name, params, operations, model=inputs.model, threads=snakemake.threads, gpus=devices
    )
    with withheld(restricted, snakemake.log[0]):
        judge_runs(
            judge,
            dict(zip(params.rubrics, map(read_rubric, inputs.rubrics), strict=True)),
            [(snakemake.wildcards.target, mix, seed) for mix, seed in params.runs],
            prompts=dict(zip(params.prompt_sets, map(Path, inputs.prompts), strict=True)),
            responses=[Path(file) for file in inputs.responses],
            design=pl.read_parquet(inputs.design),
            test_prompts=Path(inputs.test_prompts),
            test_responses=[Path(file) for file in inputs.test_responses],
            judge_input=params.judge_input,
            seed=params.seed,
            work=Path(params.work),
            outputs=[Path(file) for file in snakemake.output],
        )
