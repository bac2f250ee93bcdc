"""Rule `benchmarks_facts`: questions about the embedded world as a task of the harness."""

from pathlib import Path

from manybaskets.experiments.benchmarks.world_facts import write_facts
from manybaskets.jobs.job import job

with job(snakemake.log[0]):
    params, outputs = snakemake.params, snakemake.output
    write_facts(params.towns, params.seed, Path(outputs.task), Path(outputs.data))
