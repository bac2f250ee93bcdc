"""Rule `respond`: answers of a target's runs, and of the untuned target, to the prompt sets."""

from pathlib import Path

from manybaskets.config.responses import Responses
from manybaskets.generation.runs import adapters_of
from manybaskets.jobs.job import job

with job(snakemake.log[0], snakemake.resources.get("devices", 0)):
    from manybaskets.generation.run_responses import open_target, respond

    inputs, params, target = snakemake.input, snakemake.params, snakemake.wildcards.target
    responses = Responses.assembled(params.responses, snakemake.config["operations"]["responses"])
    runs = [(mix, seed) for mix, seed in params.runs]
    engine = open_target(
        target,
        responses,
        params,
        model=inputs.model,
        threads=snakemake.threads,
        gpus=snakemake.resources.get("devices", 0),
    )
    respond(
        engine,
        target,
        runs=runs,
        adapters=adapters_of(runs, [Path(folder) for folder in inputs.adapters]),
        prompt_sets=dict(zip(params.prompt_sets, map(Path, inputs.prompts), strict=True)),
        responses=responses,
        max_prompt_tokens=params.prompting["max_prompt_tokens"],
        study_seed=params.seed,
        work=Path(params.work),
        outputs=[Path(file) for file in snakemake.output],
    )
