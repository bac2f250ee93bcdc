"""Rule `published_variants`: the published procedures' values beside the project's own."""

from pathlib import Path

import polars as pl

from manybaskets.jobs.job import job
from manybaskets.presentation.table_forms import write_all
from manybaskets.published.procedure_comparison import CAPTION, paper_variants

with job(snakemake.log[0]):
    given = snakemake.input
    frame = paper_variants(pl.read_parquet(given.paper), pl.read_parquet(given.summary))
    write_all(frame, Path(snakemake.output[0]).with_suffix(""), CAPTION)
