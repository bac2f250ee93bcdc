"""Rule `figure`: one figure as SVG and PNG."""

from pathlib import Path

import polars as pl

from manybaskets.config.evaluation import Figures
from manybaskets.jobs.job import job
from manybaskets.presentation.figures.figure_style import Look
from manybaskets.report.figures import draw

with job(snakemake.log[0]):
    params = snakemake.params
    draw(
        params.kind,
        Path(snakemake.output.svg).with_suffix(""),
        {Path(file).stem: pl.read_parquet(file) for file in snakemake.input},
        params.options,
        Look(Figures(**params.figures), **params.look),
    )
