"""Rules `swap` and `swap_sources`: swap tests of the measures of sets that families compare."""

import json
from pathlib import Path

import polars as pl

from manybaskets.config.evaluation import Comparison
from manybaskets.jobs.job import job
from manybaskets.measures.embedding import Vectors
from manybaskets.measures.stage import inputs_of
from manybaskets.measures.swap_tests import swap_tests
from manybaskets.records.files import write_table

with job(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    matched = json.loads(Path(given.matched).read_text())
    files = dict(zip(map(tuple, params.runs), map(Path, given.responses), strict=True))
    vectors = Vectors.open(Path(given.embeddings[0])) if given.get("embeddings") else None
    common = {
        "split": pl.read_parquet(given.split),
        "truth": pl.read_parquet(given.truth) if given.get("truth") else None,
        "seed": params.seed,
    }

    def inputs(mix, seed, prompt_set, wanted):
        return inputs_of(
            files[mix, seed, prompt_set],
            wanted,
            matched=matched[prompt_set],
            likelihood=None,
            vectors=vectors,
            **common,
        )

    tests = swap_tests(
        {name: Comparison(**each) for name, each in params.families.items()},
        params.model,
        params.seeds,
        inputs,
        {name: each["prompt_ids"] for name, each in matched.items()},
        params.swaps,
        params.seed,
    )
    write_table(tests, Path(snakemake.output[0]))
