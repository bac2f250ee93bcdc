"""Rule `count_stages`: what came in, left and went on at every stage."""

from pathlib import Path

from manybaskets.jobs.job import job
from manybaskets.records.files import write_table
from manybaskets.report.counts import count_stages

with job(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    counted = count_stages(
        clean=Path(given.clean),
        split=Path(given.split),
        sources=dict(zip(params.sources, map(Path, given.sources), strict=True)),
        eligible=Path(given.eligible[0]) if given.eligible else None,
        mixes=dict(zip(params.mixes, map(Path, given.mixes), strict=True)),
        models=dict(zip(params.models, map(Path, given.models), strict=True)),
        responses=list(zip(params.responses, map(Path, given.responses), strict=True)),
    )
    write_table(counted, Path(snakemake.output[0]))
