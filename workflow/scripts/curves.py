"""Rule `curves`: training and validation losses of all runs."""

from pathlib import Path

from manybaskets.jobs.job import job
from manybaskets.records.files import write_table
from manybaskets.training.curves import training_curves

with job(snakemake.log[0]):
    folders = map(Path, snakemake.input)
    curves = training_curves(list(zip(snakemake.params.runs, folders, strict=True)))
    write_table(curves, Path(snakemake.output[0]))
