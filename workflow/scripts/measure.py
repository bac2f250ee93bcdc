"""Rule `measure`: all measures of all seeds of a mix."""

import json
from itertools import product
from pathlib import Path

import polars as pl

from manybaskets.jobs.job import job
from manybaskets.measures.measuring import measure_runs
from manybaskets.records.writing import write_table

with job(snakemake.log[0]):
    inputs, params = snakemake.input, snakemake.params
    runs = product(params.seeds, params.prompt_sets)
    rows = measure_runs(
        params.measures,
        model=snakemake.wildcards.target,
        mix=snakemake.wildcards.mix,
        responses=dict(zip(runs, map(Path, inputs.responses), strict=True)),
        likelihoods=dict(zip(params.seeds, map(Path, inputs.likelihoods), strict=True)),
        embeddings=next(map(Path, inputs.embeddings), None),
        matched=json.loads(Path(inputs.matched).read_text()),
        split=pl.read_parquet(inputs.split),
        truth=pl.read_parquet(inputs.truth) if inputs.get("truth") else None,
        draws=params.draws,
        seed=params.seed,
        max_empty_share=snakemake.config["operations"]["responses"]["max_empty_share"],
    )
    write_table(rows, Path(snakemake.output[0]))
