"""Rule `preference_tables`: tables on self-preference as CSV, Markdown and LaTeX."""

from pathlib import Path

import polars as pl

from manybaskets.config.evaluation import Published
from manybaskets.experiments.preference.presenting import tables_of
from manybaskets.jobs.job import job
from manybaskets.presentation.table_forms import write_all

with job(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    names = dict.fromkeys(Path(file).stem for file in snakemake.output)
    made = tables_of(
        {Path(file).stem: pl.read_parquet(file) for file in given.statistics},
        pl.read_parquet(given.texts),
        list(names),
        Published(**params.published) if params.published else None,
        Path(given.numbers),
    )
    folder = Path(snakemake.output[0]).parent
    for name, table in made.items():
        write_all(table.frame, folder / name, table.caption)
