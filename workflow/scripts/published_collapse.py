"""Rule `published_collapse`: reported against reproduced, and the direction of every contrast."""

from pathlib import Path

import polars as pl

from manybaskets.config.evaluation import Published
from manybaskets.jobs.job import job
from manybaskets.presentation.table_forms import write_all
from manybaskets.published.collapse_numbers import CAPTIONS, compare, contrasts, load

with job(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    compared = compare(
        load(Path(given.numbers)),
        pl.read_parquet(given.paper),
        pl.read_parquet(given.summary),
        Published(**params.published),
        params.part_of,
    )
    made = {"published": compared, "published-contrasts": contrasts(compared)}
    folder = Path(snakemake.output[0]).parent
    for name, frame in made.items():
        write_all(frame, folder / name, CAPTIONS[name])
