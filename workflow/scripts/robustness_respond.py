"""Rule `robustness_respond`: answers of a target's runs to the adversarial prompts."""

from pathlib import Path

from manybaskets.config.responses import Responses
from manybaskets.experiments.robustness.restricted import make_private, withheld
from manybaskets.generation.runs import adapters_of
from manybaskets.jobs.job import job

inputs, params, target = snakemake.input, snakemake.params, snakemake.wildcards.target
restricted, devices = Path(params.restricted), snakemake.resources.get("devices", 0)

with job(snakemake.log[0], devices):
    make_private(restricted)
    from manybaskets.experiments.robustness.prompt_check import check_prompts
    from manybaskets.generation.run_responses import open_target, respond

    responses = Responses.assembled(params.responses, snakemake.config["operations"]["robustness"])
    runs = [(mix, seed) for mix, seed in params.runs]
    engine = open_target(
        target, responses, params, model=inputs.model, threads=snakemake.threads, gpus=devices
    )
    prompt_sets = dict(zip(params.prompt_sets, map(Path, inputs.prompts), strict=True))
    with withheld(restricted, snakemake.log[0]):
        check_prompts(engine, prompt_sets, params.prompting["max_prompt_tokens"])
        respond(
            engine,
            target,
            runs=runs,
            adapters=adapters_of(runs, [Path(folder) for folder in inputs.adapters]),
            prompt_sets=prompt_sets,
            responses=responses,
            max_prompt_tokens=params.prompting["max_prompt_tokens"],
            study_seed=params.seed,
            work=Path(params.work),
            outputs=[Path(file) for file in snakemake.output],
        )
