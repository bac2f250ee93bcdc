"""Rules `preference_judge`, `preference_judge_gold`: readings of runs, or of an independent judge."""

from pathlib import Path

import polars as pl

from manybaskets.config.articles import Summaries
from manybaskets.config.preference_judging import PreferenceJudging
from manybaskets.jobs.job import job

inputs, params, devices = snakemake.input, snakemake.params, snakemake.resources.get("devices", 0)
settings, operations = params.asked, snakemake.config["operations"]["preference"]["judging"]

with job(snakemake.log[0], devices):
    from manybaskets.experiments.preference.judge_panel import judges_of_load, open_judge_engine
    from manybaskets.experiments.preference.readout import read_judges

    judging = PreferenceJudging.assembled(settings["judging"], operations)
    target = snakemake.wildcards.get("target") or snakemake.wildcards.model
    judges = judges_of_load(
        target,
        [(mix, seed) for mix, seed in params.runs],
        adapters=[Path(folder) for folder in inputs.adapters],
        summaries=dict(zip(params.panel, map(Path, inputs.summaries), strict=True)),
        own=dict(zip(map(tuple, params.own), map(Path, inputs.own), strict=True)),
        published=params.published,
        outputs=[Path(file) for file in snakemake.output],
    )
    engine = open_judge_engine(
        judging, target, settings, model=inputs.model, threads=snakemake.threads, gpus=devices
    )
    read_judges(
        engine,
        judges,
        pl.read_parquet(inputs.articles),
        judging,
        summaries=Summaries(**settings["request"]),
        study_seed=settings["seed"],
    )
