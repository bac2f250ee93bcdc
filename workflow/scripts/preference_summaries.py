"""Rule `preference_summaries`: an author's summaries."""

from pathlib import Path

import polars as pl

from manybaskets.config.articles import Summaries
from manybaskets.config.models import ModelPrompting
from manybaskets.config.preference import SHARE_OF_CAP
from manybaskets.config.sources import Source
from manybaskets.experiments.preference.summaries import prompting_of, write_summaries
from manybaskets.generation.source import engine_of
from manybaskets.jobs.job import job

with job(snakemake.log[0], snakemake.resources.get("devices", 0)):
    author, params = snakemake.wildcards.author, snakemake.params
    operations = snakemake.config["operations"]["preference"]
    source = Source.assembled(params.writer, operations["writers"][author])
    settings = Summaries.assembled(params.summaries, operations["summaries"])
    prompting = prompting_of(ModelPrompting(**params.prompting), settings)
    engine = engine_of(
        author,
        source,
        {"prompting": prompting.model_dump(), "precision": params.precision},
        model=next(iter(snakemake.input.model), None),
        threads=snakemake.threads,
        gpus=snakemake.resources.get("devices", 0),
        share_of_cap=SHARE_OF_CAP,
    )
    write_summaries(
        pl.read_parquet(snakemake.input.articles),
        engine,
        author,
        settings,
        study_seed=params.seed,
        work=Path(params.work),
        output=Path(snakemake.output[0]),
    )
