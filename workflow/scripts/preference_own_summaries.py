"""Rule `preference_own_summaries`: summaries by the runs that judge."""

from pathlib import Path

import polars as pl

from manybaskets.config.articles import Summaries
from manybaskets.experiments.preference.summaries import open_writer, summarise_by_runs
from manybaskets.jobs.job import job

params, devices = snakemake.params, snakemake.resources.get("devices", 0)
target, operations = snakemake.wildcards.target, snakemake.config["operations"]["preference"]

with job(snakemake.log[0], devices):
    settings = Summaries.assembled(params.summaries, operations["summaries"])
    engine = open_writer(
        target,
        settings,
        params,
        operations["own"],
        model=snakemake.input.model,
        threads=snakemake.threads,
        gpus=devices,
    )
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
