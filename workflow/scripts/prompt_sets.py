"""Rule `prompt_sets`: one file for every prompt set."""

from pathlib import Path

import polars as pl

from manybaskets.data.prompt_sets import write_prompt_sets
from manybaskets.jobs.job import job
from manybaskets.records.responses import long_prompt_counts, long_prompts_of_sets

with job(snakemake.log[0]):
    write_prompt_sets(
        pl.read_parquet(snakemake.input.split),
        snakemake.params.prompt_sets,
        towns=snakemake.params.towns,
        seed=snakemake.params.seed,
        train=Path(snakemake.output.train),
        sets={Path(name).stem: Path(name) for name in snakemake.output.sets},
        long_prompts=long_prompt_counts(Path(snakemake.input.split)),
        long_prompts_of_sets=long_prompts_of_sets(Path(snakemake.input.split)),
    )
