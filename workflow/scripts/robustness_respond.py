"""Rule `robustness_respond`: answers of a target's runs to the adversarial prompts."""

from pathlib import Path

from manybaskets.config.engine_kinds import Opening
from manybaskets.config.models import Prompting
from manybaskets.config.responses import Responses
from manybaskets.experiments.robustness.restricted import make_private, withheld
from manybaskets.generation.runs import adapters_of
from manybaskets.jobs.job import job

given, params, target = snakemake.input, snakemake.params, snakemake.wildcards.target
restricted = Path(params.restricted)

with job(snakemake.log[0], snakemake.resources.get("devices", 0)):
    make_private(restricted)
    from manybaskets.engines.factory import open_engine
    from manybaskets.experiments.robustness.prompt_check import check_prompts
    from manybaskets.generation.run_responses import respond

    prompting = Prompting(**params.prompting)
    responses = Responses.assembled(params.responses, snakemake.config["operations"]["robustness"])
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
    prompt_sets = dict(zip(params.prompt_sets, map(Path, given.prompts), strict=True))
    with withheld(restricted, snakemake.log[0]):
        check_prompts(engine, prompt_sets, prompting.max_prompt_tokens)
        respond(
            engine,
            target,
            runs=runs,
            adapters=adapters_of(runs, [Path(folder) for folder in given.adapters]),
            prompt_sets=prompt_sets,
            responses=responses,
            max_prompt_tokens=prompting.max_prompt_tokens,
            study_seed=params.seed,
            work=Path(params.work),
            outputs=[Path(file) for file in snakemake.output],
        )
