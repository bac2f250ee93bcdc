"""Rule `published_similarity`: similarity of sources, reported against reproduced."""

from pathlib import Path

import polars as pl

import manybaskets.report.published_tables  # noqa: F401 registers the tables
from manybaskets.jobs.job import job
from manybaskets.presentation.tables import computed_tables, write_tables
from manybaskets.published.similarity_numbers import compare_similarity, load_similarity

with job(snakemake.log[0]):
    inputs = snakemake.input
    frame = compare_similarity(
        load_similarity(Path(inputs.numbers)),
        pl.read_parquet(inputs.similarity),
        snakemake.params.rows,
    )
    folder = Path(snakemake.output[0]).parent
    write_tables(computed_tables({"published-similarity": frame}), folder)
