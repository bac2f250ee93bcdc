"""Rule `count_stages`: what came in, left and went on at every stage."""

from pathlib import Path

from manybaskets.jobs.job import job
from manybaskets.records.writing import write_table
from manybaskets.report.counts import count_stages

with job(snakemake.log[0]):
    inputs, params = snakemake.input, snakemake.params
    counted = count_stages(
        clean=Path(inputs.clean),
        split=Path(inputs.split),
        sources=dict(zip(params.sources, map(Path, inputs.sources), strict=True)),
        eligible=Path(inputs.eligible[0]) if inputs.eligible else None,
        mixes=dict(zip(params.mixes, map(Path, inputs.mixes), strict=True)),
        models=dict(zip(params.models, map(Path, inputs.models), strict=True)),
        responses=list(zip(params.responses, map(Path, inputs.responses), strict=True)),
        prompts=list(map(Path, inputs.prompts)),
    )
    write_table(counted, Path(snakemake.output[0]))
