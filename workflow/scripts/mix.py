"""Rule `mix`: a training set and its counts."""

from pathlib import Path

import polars as pl

from manybaskets.config.mixes import read_mix_settings
from manybaskets.jobs.job import job
from manybaskets.mixes.token_lengths import read_lengths
from manybaskets.mixes.training_set import write_training_set
from manybaskets.records.responses import read_responses

with job(snakemake.log[0]):
    sources = dict(zip(snakemake.params.sources, snakemake.input.sources, strict=True))
    write_training_set(
        snakemake.wildcards.mix,
        read_mix_settings(snakemake.params.recipe),
        split=pl.read_parquet(snakemake.input.split),
        eligible=pl.read_parquet(snakemake.input.eligible),
        lengths=read_lengths(snakemake.input.lengths),
        responses={name: read_responses(Path(file)) for name, file in sources.items()},
        targets=snakemake.params.targets,
        system_prompt=snakemake.params.system_prompt,
        seed=snakemake.params.seed,
        outputs={key: Path(snakemake.output[key]) for key in ("train", "validation", "counts")},
    )
