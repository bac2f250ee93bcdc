"""Rules `swap` and `swap_sources`: swap tests of the measures of sets that families compare."""

import json
from pathlib import Path

import polars as pl

from manybaskets.config.evaluation import Comparison
from manybaskets.jobs.job import job
from manybaskets.measures.swap_stage import swap_runs
from manybaskets.records.writing import write_table

with job(snakemake.log[0]):
    inputs, params = snakemake.input, snakemake.params
    tests = swap_runs(
        {name: Comparison(**each) for name, each in params.families.items()},
        params.model,
        params.seeds,
        responses=dict(zip(map(tuple, params.runs), map(Path, inputs.responses), strict=True)),
        matched=json.loads(Path(inputs.matched).read_text()),
        embeddings=next(map(Path, inputs.embeddings), None),
        split=pl.read_parquet(inputs.split),
        truth=pl.read_parquet(inputs.truth) if inputs.get("truth") else None,
        swaps=params.swaps,
        seed=params.seed,
    )
    write_table(tests, Path(snakemake.output[0]))
