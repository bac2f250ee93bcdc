"""Rule `preference_own_summaries`: summaries by the runs that judge."""

from pathlib import Path

import polars as pl

from manybaskets.config.articles import Summaries
from manybaskets.config.engine_kinds import Opening
from manybaskets.config.models import Prompting
from manybaskets.config.sources import Source
from manybaskets.experiments.preference.summaries import prompting_of, summarise_by_runs
from manybaskets.jobs.job import job

with job(snakemake.log[0], snakemake.resources.get("devices", 0)):
    from manybaskets.engines.factory import open_engine

    target, params = snakemake.wildcards.target, snakemake.params
    operations = snakemake.config["operations"]["preference"]
    settings = Summaries.assembled(params.summaries, operations["summaries"])
    # An engine's settings are read as those of a source: both have the same kinds.
    source = Source.assembled({"model": target, "engine": params.engine}, operations["own"])
    opening = Opening(
        name=target,
        folder=Path(snakemake.input.model),
        prompting=prompting_of(Prompting(**params.prompting), settings),
        sampling=settings.sampling,
        precision=params.precision,
        threads=snakemake.threads,
        gpus=snakemake.resources.get("devices", 0),
    )
    engine = open_engine(source.engine, opening)
    summarise_by_runs(
        pl.read_parquet(snakemake.input.articles),
        engine,
        settings,
        target=target,
        runs=[(mix, seed) for mix, seed in params.runs],
        adapters=[Path(folder) for folder in snakemake.input.adapters],
        study_seed=params.seed,
        work=Path(params.work),
        outputs=[Path(file) for file in snakemake.output],
    )
