"""Rules `preference_judge`, `preference_judge_gold`: readings of the runs of a target, or of an independent judge."""

from pathlib import Path

import polars as pl

from manybaskets.config.articles import Summaries
from manybaskets.config.models import Prompting
from manybaskets.config.preference_judging import PreferenceJudging
from manybaskets.jobs.job import job

with job(snakemake.log[0], snakemake.resources.get("devices", 0)):
    from manybaskets.experiments.preference.judge_panel import judges_of_load, open_judge_engine
    from manybaskets.experiments.preference.readout import read_judges

    inputs, params = snakemake.input, snakemake.params
    asked = params.asked
    settings = PreferenceJudging.assembled(
        asked["judging"], snakemake.config["operations"]["preference"]["judging"]
    )
    target = snakemake.wildcards.get("target") or snakemake.wildcards.model
    runs = [(mix, seed) for mix, seed in params.runs]
    judges = judges_of_load(
        target,
        runs,
        adapters=[Path(folder) for folder in inputs.adapters],
        summaries=dict(zip(params.panel, map(Path, inputs.summaries), strict=True)),
        own={(mix, seed): Path(f) for (mix, seed), f in zip(params.own, inputs.own, strict=True)},
        published=params.published,
        outputs=[Path(file) for file in snakemake.output],
    )
    engine = open_judge_engine(
        settings,
        Path(inputs.model),
        target,
        prompting=Prompting(**asked["prompting"]),
        precision=asked["precision"],
        threads=snakemake.threads,
        gpus=snakemake.resources.get("devices", 0),
    )
    read_judges(
        engine,
        judges,
        pl.read_parquet(inputs.articles),
        settings,
        summaries=Summaries(**asked["request"]),
        study_seed=asked["seed"],
    )
