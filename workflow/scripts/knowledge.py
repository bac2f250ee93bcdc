"""Rule `knowledge`: how well each embedded model knows its world."""

from pathlib import Path

import polars as pl

from manybaskets.config.evaluation import Statistics
from manybaskets.jobs.job import job
from manybaskets.measures.knowledge import world_knowledge
from manybaskets.records.writing import write_table

with job(snakemake.log[0]):
    files = map(Path, snakemake.input.sources)
    table = world_knowledge(
        dict(zip(snakemake.params.sources, files, strict=True)),
        pl.read_parquet(snakemake.input.truth[0]),
        Statistics(**snakemake.params.statistics),
        snakemake.params.seed,
    )
    write_table(table, Path(snakemake.output[0]))
