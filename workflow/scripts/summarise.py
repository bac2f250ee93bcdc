"""Rule `summarise`: intervals of every condition, and the families of paired comparisons."""

from pathlib import Path

import polars as pl

from manybaskets.config.blends import Blend
from manybaskets.config.evaluation import Comparison, Statistics
from manybaskets.jobs.job import job
from manybaskets.records.writing import write_table
from manybaskets.statistics import compare, compare_blends, prompt_quantiles, seed_values, summarise

with job(snakemake.log[0]):
    inputs, outputs, params = snakemake.input, snakemake.output, snakemake.params
    seed = params.seed
    rows = pl.concat([pl.read_parquet(file) for file in inputs.measured])
    swaps = [pl.read_parquet(file) for file in inputs.get("swaps") or []]
    settings = Statistics(**params.statistics)
    families = {name: Comparison(**each) for name, each in params.families.items()}
    compared = compare(rows, families, settings, seed, pl.concat(swaps) if swaps else None)
    write_table(summarise(rows, settings, seed), Path(outputs.summary))
    write_table(compared, Path(outputs.comparisons))
    write_table(seed_values(rows), Path(outputs.seeds))
    write_table(prompt_quantiles(rows), Path(outputs.distributions))
    if params.blends:
        blends = {name: Blend(**each) for name, each in params.blends.items()}
        directions, declared = params.directions, params.declared_measures
        against = compare_blends(rows, blends, declared, directions, settings, seed)
        write_table(against, Path(outputs.blends))
