"""Rule `throughput`: how fast sources answered, and how that goes with their size."""

from pathlib import Path

import manybaskets.report.throughput  # noqa: F401 registers the tables
from manybaskets.generation.source import source_of
from manybaskets.generation.throughput import correlations, throughput
from manybaskets.jobs.job import job
from manybaskets.presentation.tables import computed_tables, write_tables

with job(snakemake.log[0]):
    inputs, params = snakemake.input, snakemake.params
    operations = snakemake.config["operations"]
    table = throughput(
        {
            name: source_of({"source": science}, operations, name)
            for name, science in params.sources.items()
        },
        usages=[Path(file) for file in inputs.usage],
        responses={
            name: Path(file) for name, file in zip(params.sources, inputs.responses, strict=True)
        },
        models={
            name: Path(folder) for name, folder in zip(params.models, inputs.models, strict=True)
        },
        max_prompt_tokens=params.max_prompt_tokens,
    )
    frames = {"throughput": table, "throughput-correlation": correlations(table)}
    write_tables(computed_tables(frames), Path(snakemake.output[0]).parent)
