"""Rule `split`: test, training and validation prompts, and the parts."""

from pathlib import Path

from manybaskets.config.data import Split
from manybaskets.data.long_prompts import write_split
from manybaskets.data.prompt_readers import estimating_reader
from manybaskets.jobs.job import job

with job(snakemake.log[0]):
    params, operations = snakemake.params, snakemake.config["operations"]
    write_split(
        Path(snakemake.input.rows),
        Split(**params.split),
        params.seed,
        long_prompts={Path(file).stem: Path(file) for file in snakemake.input.long_prompts},
        servers=[estimating_reader(**server) for server in operations["prompt_servers"]],
        limits=operations["prompt_limits"],
        max_excluded_share=operations["max_excluded_share"],
        output=Path(snakemake.output[0]),
    )
