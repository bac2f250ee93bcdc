"""Rule `published_collapse`: reported against reproduced, and the direction of every contrast."""

from pathlib import Path

import polars as pl

import manybaskets.report.published_tables  # noqa: F401 registers the tables
from manybaskets.config.evaluation import PublishedCells
from manybaskets.jobs.job import job
from manybaskets.presentation.tables import computed_tables, write_tables
from manybaskets.published.collapse_numbers import compare_published, load, published_contrasts

with job(snakemake.log[0]):
    inputs, params = snakemake.input, snakemake.params
    compared = compare_published(
        load(Path(inputs.numbers)),
        pl.read_parquet(inputs.paper),
        pl.read_parquet(inputs.summary),
        PublishedCells(**params.published),
        params.part_of,
    )
    frames = {"published": compared, "published-contrasts": published_contrasts(compared)}
    write_tables(computed_tables(frames), Path(snakemake.output[0]).parent)
