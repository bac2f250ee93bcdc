"""Rule `pretrain`: make an embedded model."""

from pathlib import Path

import polars as pl

from manybaskets.config.models import EmbeddedModel, EmbeddedModelSize, Prompting
from manybaskets.jobs.job import job
from manybaskets.models.libraries import hide_packages
from manybaskets.training.pretraining import pretrain

with job(snakemake.log[0]):
    hide_packages("datasets", "scipy")
    split = pl.read_parquet(snakemake.input.split)
    pretrain(
        snakemake.wildcards.model,
        EmbeddedModel(**snakemake.params.model),
        EmbeddedModelSize(**snakemake.params.size),
        prompting=Prompting(**snakemake.params.prompting),
        towns=snakemake.params.towns,
        seed=snakemake.params.seed,
        held_out=split.filter(pl.col("split") == "test")["response"].to_list(),
        threads=snakemake.threads,
        work=Path(snakemake.params.work),
        output=Path(snakemake.output[0]),
    )
