"""Rule `published_variants`: the published procedures' values beside the project's own."""

from pathlib import Path

import polars as pl

import manybaskets.report.published_tables  # noqa: F401 registers the tables
from manybaskets.jobs.job import job
from manybaskets.presentation.tables import computed_tables, write_tables
from manybaskets.published.procedure_comparison import paper_variants

with job(snakemake.log[0]):
    inputs = snakemake.input
    frame = paper_variants(pl.read_parquet(inputs.paper), pl.read_parquet(inputs.summary))
    write_tables(computed_tables({"paper-variants": frame}), Path(snakemake.output[0]).parent)
