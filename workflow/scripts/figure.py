"""Rule `figure`: one figure as SVG and PNG."""

from pathlib import Path

import polars as pl

from manybaskets.config.analysis import Figures
from manybaskets.figures.drawing import draw
from manybaskets.jobs import job

with job(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    draw(
        snakemake.wildcards.figure,
        Path(snakemake.output.svg).with_suffix(""),
        summary=pl.read_parquet(given.summary),
        comparisons=pl.read_parquet(given.comparisons),
        curves=pl.read_parquet(given.curves),
        knowledge=pl.read_parquet(given.knowledge) if given.get("knowledge") else None,
        measures=params.measures,
        targets=params.targets,
        kinds=params.kinds,
        settings=Figures(**params.figures),
    )
