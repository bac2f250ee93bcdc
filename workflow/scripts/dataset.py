"""Rule `dataset`: read the raw rows of a file."""

from pathlib import Path

from manybaskets.config.sections import Fields
from manybaskets.data.reading import read_rows
from manybaskets.jobs.job import job
from manybaskets.records.writing import write_table

with job(snakemake.log[0]):
    rows = read_rows(Path(snakemake.input[0]), Fields(**snakemake.params.fields))
    write_table(rows, Path(snakemake.output[0]))
