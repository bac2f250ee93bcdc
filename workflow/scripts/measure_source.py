"""Rule `measure_source`: all measures of a source's answers to the training prompts."""

import json
from pathlib import Path

import polars as pl

from manybaskets.jobs.job import job
from manybaskets.measures.measuring import measure_runs
from manybaskets.names import TRAIN
from manybaskets.records.measured import SOURCES
from manybaskets.records.writing import write_table

with job(snakemake.log[0]):
    inputs, params = snakemake.input, snakemake.params
    rows = measure_runs(
        params.measures,
        model=SOURCES,
        mix=snakemake.wildcards.source,
        responses={(0, TRAIN): Path(inputs.responses)},
        likelihoods={},
        embeddings=next(map(Path, inputs.embeddings), None),
        matched=json.loads(Path(inputs.matched).read_text()),
        split=pl.read_parquet(inputs.split),
        truth=pl.read_parquet(inputs.truth) if inputs.get("truth") else None,
        draws=params.draws,
        seed=params.seed,
        max_empty_share=1.0,  # a source's own limit of failed rows was kept when it answered
    )
    write_table(rows, Path(snakemake.output[0]))
