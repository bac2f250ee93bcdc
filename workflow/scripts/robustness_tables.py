"""Rule `robustness_tables`: tables of the robustness experiment as CSV, Markdown and LaTeX."""

from pathlib import Path

import polars as pl

from manybaskets.config.evaluation import PublishedCells
from manybaskets.experiments.robustness import statistics
from manybaskets.experiments.robustness.tables import RobustnessContext
from manybaskets.jobs.job import job
from manybaskets.presentation.tables import make_tables, write_tables

inputs, params = snakemake.input, snakemake.params

with job(snakemake.log[0]):
    targets = params.analysis["targets"]
    context = RobustnessContext(
        statistics.analysis_of(
            params.analysis,
            statistics.read_by_target(inputs.templates, targets),
            statistics.read_canaries(dict(zip(params.judges, inputs.canaries, strict=True))),
        ),
        PublishedCells(**params.published) if params.published else None,
        Path(inputs.numbers),
    )
    names = dict.fromkeys(Path(file).stem for file in snakemake.output)
    frames = {Path(file).stem: pl.read_parquet(file) for file in inputs.statistics}
    write_tables(make_tables(names, frames, context), Path(snakemake.output[0]).parent)
