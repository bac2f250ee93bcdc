"""Rule `find_eligible`: the prompts that every mix can use."""

from pathlib import Path

import polars as pl

from manybaskets.jobs.job import job
from manybaskets.mixes.eligibility import eligibility, training_prompts
from manybaskets.mixes.token_lengths import read_lengths, shortest_contexts
from manybaskets.records.responses import read_responses
from manybaskets.records.writing import write_table

with job(snakemake.log[0]):
    sources = dict(zip(snakemake.params.sources, snakemake.input.sources, strict=True))
    prompts = training_prompts(pl.read_parquet(snakemake.input.split))
    eligible = eligibility(
        prompts,
        {name: read_responses(Path(file)) for name, file in sources.items()},
        read_lengths(snakemake.input.lengths),
        snakemake.params.max_length,
        snakemake.params.truncated_answers,
        snakemake.params.get("control_text", "keep"),
    )
    contexts = shortest_contexts([pl.read_parquet(file) for file in snakemake.input.contexts])
    write_table(eligible.join(contexts, on="prompt_id", how="left"), Path(snakemake.output[0]))
