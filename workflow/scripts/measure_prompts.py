"""Rule `measure_prompts`: the prompts that are too long for a model."""

from pathlib import Path

from manybaskets.config.models import ModelPrompting
from manybaskets.generation.prompt_fitting import measure_prompts, open_reader
from manybaskets.jobs.job import job

with job(snakemake.log[0]):
    name, operations = snakemake.wildcards.model, snakemake.config["operations"]
    reader = open_reader(
        name,
        Path(snakemake.input.model),
        operations["prompt_readers"][name],
        ModelPrompting(**snakemake.params.prompting),
    )
    measure_prompts(
        Path(snakemake.input.rows), operations["given_prompts"], reader, Path(snakemake.output[0])
    )
