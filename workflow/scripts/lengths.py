"""Rule `lengths`: tokens of every prompt and answer under a target's template."""

from pathlib import Path

import polars as pl

from manybaskets.config.models import ModelPrompting
from manybaskets.generation.prompt_fitting import require_fitted_prompts
from manybaskets.jobs.job import job
from manybaskets.mixes.token_lengths import count_tokens
from manybaskets.records.responses import long_prompt_counts, read_responses
from manybaskets.records.writing import write_table

with job(snakemake.log[0]):
    split, model = Path(snakemake.input.split), Path(snakemake.input.model)
    target, prompting = snakemake.wildcards.target, snakemake.params.prompting
    readers = snakemake.config["operations"]["prompt_readers"]
    require_fitted_prompts(split, target, model, readers, prompting)
    sources = dict(zip(snakemake.params.sources, snakemake.input.sources, strict=True))
    lengths, contexts = count_tokens(
        pl.read_parquet(split),
        {name: read_responses(Path(file)) for name, file in sources.items()},
        model,
        target,
        ModelPrompting(**prompting),
    )
    write_table(lengths, Path(snakemake.output.lengths), long_prompt_counts(split))
    write_table(contexts, Path(snakemake.output.contexts))
