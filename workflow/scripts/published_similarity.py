"""Rule `published_similarity`: similarity of sources, reported against reproduced."""

from pathlib import Path

import polars as pl

from manybaskets.jobs.job import job
from manybaskets.presentation.table_forms import write_all
from manybaskets.published.similarity_numbers import CAPTION, compare_similarity, load_similarity

with job(snakemake.log[0]):
    given = snakemake.input
    frame = compare_similarity(
        load_similarity(Path(given.numbers)),
        pl.read_parquet(given.similarity),
        snakemake.params.rows,
    )
    write_all(frame, Path(snakemake.output[0]).with_suffix(""), CAPTION)
