"""Rule `preference_tables`: tables on self-preference as CSV, Markdown and LaTeX."""

from pathlib import Path

import polars as pl

from manybaskets.config.evaluation import PublishedCells
from manybaskets.experiments.preference.tables import PreferenceContext
from manybaskets.jobs.job import job
from manybaskets.presentation.tables import make_tables, write_tables

with job(snakemake.log[0]):
    inputs, params = snakemake.input, snakemake.params
    names = dict.fromkeys(Path(file).stem for file in snakemake.output)
    frames = {Path(file).stem: pl.read_parquet(file) for file in inputs.statistics}
    context = PreferenceContext(
        pl.read_parquet(inputs.texts),
        PublishedCells(**params.published) if params.published else None,
        Path(inputs.numbers),
    )
    write_tables(make_tables(names, frames, context), Path(snakemake.output[0]).parent)
