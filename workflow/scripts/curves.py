"""Rule `curves`: training and validation losses of all runs."""

from pathlib import Path

from manybaskets.jobs.job import job
from manybaskets.records.writing import write_table
from manybaskets.training.curves import losses_of_runs

with job(snakemake.log[0]):
    folders = map(Path, snakemake.input)
    curves = losses_of_runs(list(zip(snakemake.params.runs, folders, strict=True)))
    write_table(curves, Path(snakemake.output[0]))
