"""Rule `throughput`: how fast sources answered, and how that goes with their size."""

from pathlib import Path

from manybaskets.generation.source import source_of
from manybaskets.generation.throughput import correlations, throughput
from manybaskets.jobs.job import job
from manybaskets.presentation.table_forms import write_all
from manybaskets.report.throughput import CAPTIONS

with job(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    operations = snakemake.config["operations"]
    table = throughput(
        {
            name: source_of({"source": science}, operations, name)
            for name, science in params.sources.items()
        },
        usages=[Path(file) for file in given.usage],
        responses={
            name: Path(file) for name, file in zip(params.sources, given.responses, strict=True)
        },
        models={
            name: Path(folder) for name, folder in zip(params.models, given.models, strict=True)
        },
        max_prompt_tokens=params.max_prompt_tokens,
    )
    folder = Path(snakemake.output[0]).parent
    for name, frame in (("throughput", table), ("throughput-correlation", correlations(table))):
        write_all(frame, folder / name, CAPTIONS[name])
