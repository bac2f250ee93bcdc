"""Rule `summarise`: intervals of every condition, and the families of paired comparisons."""

from pathlib import Path

import polars as pl

from manybaskets.config.analysis import Comparison, Statistics
from manybaskets.jobs import job
from manybaskets.records import write_table
from manybaskets.statistics import compare, summarise

with job(snakemake.log[0]):
    rows = pl.concat([pl.read_parquet(file) for file in snakemake.input])
    settings = Statistics(**snakemake.params.statistics)
    families = {name: Comparison(**each) for name, each in snakemake.params.families.items()}
    seed = snakemake.params.seed
    write_table(summarise(rows, settings, seed), Path(snakemake.output.summary))
    write_table(compare(rows, families, settings, seed), Path(snakemake.output.comparisons))
