"""Rule `source_likelihood_changes`: how training changes the likelihood of the sources' answers."""

from pathlib import Path

import polars as pl

from manybaskets.config.evaluation import Statistics
from manybaskets.jobs.job import job
from manybaskets.records.writing import write_table

with job(snakemake.log[0]):
    from manybaskets.experiments.source_likelihood.changes import likelihood_changes

    params = snakemake.params
    scores = {
        tuple(run): pl.read_parquet(file)
        for run, file in zip(params.runs, snakemake.input, strict=True)
    }
    changes = likelihood_changes(
        scores, params.shares, Statistics(**params.statistics), params.seed
    )
    write_table(changes, Path(snakemake.output[0]))
