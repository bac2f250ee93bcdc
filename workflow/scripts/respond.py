"""Rules `respond`, `respond_vanilla`: answers of a target, tuned or not, to the prompt sets."""

from pathlib import Path

from manybaskets.config.parts import Prompting, Responses
from manybaskets.jobs import job

with job(snakemake.log[0], snakemake.resources.get("devices", 0)):
    from manybaskets.engines.opening import open_engine
    from manybaskets.responding import respond

    target = snakemake.wildcards.target
    prompting = Prompting(**snakemake.params.prompting)
    responses = Responses.assembled(
        snakemake.params.responses, snakemake.config["operations"]["responses"]
    )
    engine = open_engine(
        responses.engine,
        Path(snakemake.input.model),
        target,
        prompting=prompting,
        sampling=responses.sampling,
        precision=snakemake.params.precision,
        threads=snakemake.threads,
        gpus=snakemake.resources.get("devices", 0),
    )
    respond(
        engine,
        f"{target}/{snakemake.wildcards.get('mix', 'vanilla')}",
        seeds=snakemake.params.seeds,
        adapters=[Path(folder) for folder in snakemake.input.get("adapters", [])],
        prompt_sets=dict(zip(snakemake.params.prompt_sets, snakemake.input.prompts, strict=True)),
        responses=responses,
        max_prompt_tokens=prompting.max_prompt_tokens,
        study_seed=snakemake.params.seed,
        work=Path(snakemake.params.work),
        outputs=[Path(file) for file in snakemake.output],
    )
