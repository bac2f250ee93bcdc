"""Rule `style`: elements of Markdown of every run against its sources and the untuned target."""

from pathlib import Path

import polars as pl

from manybaskets.config.evaluation import Statistics
from manybaskets.jobs.job import job
from manybaskets.records.writing import write_table
from manybaskets.source_analysis.style_inheritance import style_inheritance

with job(snakemake.log[0]):
    params = snakemake.params
    rows = pl.concat([pl.read_parquet(file) for file in snakemake.input])
    settings = Statistics(**params.statistics)
    frame = style_inheritance(rows, params.shares, settings, params.seed)
    write_table(frame, Path(snakemake.output[0]))
