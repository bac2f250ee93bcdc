"""Rule `lengths`: tokens of every prompt and answer under a target's template."""

from pathlib import Path

import polars as pl

from manybaskets.config.models import ModelPrompting
from manybaskets.jobs.job import job
from manybaskets.mixes.token_lengths import count_tokens
from manybaskets.records.responses import read_responses
from manybaskets.records.writing import write_table

with job(snakemake.log[0]):
    sources = dict(zip(snakemake.params.sources, snakemake.input.sources, strict=True))
    lengths, contexts = count_tokens(
        pl.read_parquet(snakemake.input.split),
        {name: read_responses(Path(file)) for name, file in sources.items()},
        Path(snakemake.input.model),
        snakemake.wildcards.target,
        ModelPrompting(**snakemake.params.prompting),
    )
    write_table(lengths, Path(snakemake.output.lengths))
    write_table(contexts, Path(snakemake.output.contexts))
