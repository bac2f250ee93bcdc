"""Rule `robustness_tables`: tables of the robustness experiment as CSV, Markdown and LaTeX."""

from pathlib import Path

import polars as pl

from manybaskets.config.evaluation import Published
from manybaskets.experiments.robustness import statistics as gathering
from manybaskets.experiments.robustness.presenting import tables_of
from manybaskets.jobs.job import job
from manybaskets.presentation.table_forms import write_all

given, params = snakemake.input, snakemake.params

with job(snakemake.log[0]):
    targets = params.analysis["targets"]
    made = tables_of(
        {Path(file).stem: pl.read_parquet(file) for file in given.statistics},
        gathering.analysis_of(
            params.analysis,
            gathering.read_by_target(given.templates, targets),
            gathering.read_canaries(dict(zip(params.judges, given.canaries, strict=True))),
        ),
        Published(**params.published) if params.published else None,
        Path(given.numbers),
    )
    folder = Path(snakemake.output[0]).parent
    for name, table in made.items():
        write_all(table.frame, folder / name, table.caption)
