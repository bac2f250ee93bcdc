"""Rule `respond`: answers of a target's runs, and of the untuned target, to the prompt sets."""

from pathlib import Path

from manybaskets.config.engine_kinds import Opening
from manybaskets.config.models import Prompting
from manybaskets.config.responses import Responses
from manybaskets.generation.runs import adapters_of
from manybaskets.jobs.job import job

with job(snakemake.log[0], snakemake.resources.get("devices", 0)):
    from manybaskets.engines.factory import open_engine
    from manybaskets.generation.run_responses import respond

    given, params, target = snakemake.input, snakemake.params, snakemake.wildcards.target
    prompting = Prompting(**params.prompting)
    responses = Responses.assembled(params.responses, snakemake.config["operations"]["responses"])
    runs = [(mix, seed) for mix, seed in params.runs]
    opening = Opening(
        name=target,
        folder=Path(given.model),
        prompting=prompting,
        sampling=responses.sampling,
        precision=params.precision,
        threads=snakemake.threads,
        gpus=snakemake.resources.get("devices", 0),
    )
    engine = open_engine(responses.engine, opening)
    respond(
        engine,
        target,
        runs=runs,
        adapters=adapters_of(runs, [Path(folder) for folder in given.adapters]),
        prompt_sets=dict(zip(params.prompt_sets, map(Path, given.prompts), strict=True)),
        responses=responses,
        max_prompt_tokens=prompting.max_prompt_tokens,
        study_seed=params.seed,
        work=Path(params.work),
        outputs=[Path(file) for file in snakemake.output],
    )
