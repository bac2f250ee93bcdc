"""Rule `robustness_judge`: one judge scores the answers of a target's runs."""

from pathlib import Path

import polars as pl

from manybaskets.experiments.robustness.restricted import make_private, withheld
from manybaskets.jobs.job import job

given, params, wildcards = snakemake.input, snakemake.params, snakemake.wildcards
restricted, devices = Path(params.restricted), snakemake.resources.get("devices", 0)

with job(snakemake.log[0], devices):
    make_private(restricted)
    from manybaskets.experiments.robustness.exchanges import exchanges_of_run
    from manybaskets.experiments.robustness.judging import assembled_judge, judge_run
    from manybaskets.judging.factory import open_judge
    from manybaskets.judging.rubrics import read_rubric

    judge = open_judge(
        wildcards.judge,
        assembled_judge(params.judge, snakemake.config["operations"]["judges"][wildcards.judge]),
        folder=Path(given.model[0]) if given.model else None,
        threads=snakemake.threads,
        gpus=devices,
        share_of_cap=params.share_of_cap,
        **params.opening,
    )
    rubrics = dict(zip(params.rubrics, map(read_rubric, given.rubrics), strict=True))
    prompts = dict(zip(params.prompt_sets, given.prompts, strict=True))
    sets = len(prompts)
    with withheld(restricted, snakemake.log[0]):
        for place, (mix, seed) in enumerate(params.runs):
            said = given.responses[place * sets : (place + 1) * sets]
            rows = exchanges_of_run(
                prompts,
                dict(zip(prompts, said, strict=True)),
                pl.read_parquet(given.design),
                (given.test_prompts, given.test_responses[place]),
                params.judge_input,
            )
            judge_run(
                judge,
                rubrics,
                rows,
                run=(wildcards.target, mix, seed),
                seed=params.seed,
                work=Path(params.work),
                output=Path(snakemake.output[place]),
            )
