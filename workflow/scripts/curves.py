"""Rule `curves`: training and validation losses of all runs."""

from pathlib import Path

from manybaskets.counting import training_curves
from manybaskets.jobs import job
from manybaskets.records import write_table

with job(snakemake.log[0]):
    folders = map(Path, snakemake.input)
    curves = training_curves(list(zip(snakemake.params.runs, folders, strict=True)))
    write_table(curves, Path(snakemake.output[0]))
