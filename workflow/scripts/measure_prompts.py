"""Rule `measure_prompts`: prompts, and questions to judges, that are too long for a model."""

from pathlib import Path

from manybaskets.config.models import ModelPrompting
from manybaskets.experiments import EXPERIMENTS
from manybaskets.generation.prompt_fitting import measure_prompts, open_reader
from manybaskets.jobs.job import job

with job(snakemake.log[0]):
    name, operations = snakemake.wildcards.model, snakemake.config["operations"]
    folder, prompting = Path(snakemake.input.model), ModelPrompting(**snakemake.params.prompting)
    use = operations["prompt_readers"].get(name)
    measure_prompts(
        Path(snakemake.input.rows),
        operations["given_prompts"],
        open_reader(name, folder, use, prompting) if use else None,
        [
            EXPERIMENTS.get(experiment).long_prompts(
                settings, name, folder, prompting, Path(snakemake.log[0])
            )
            for experiment, settings in operations["measured_by_experiments"].items()
        ],
        Path(snakemake.output[0]),
    )
