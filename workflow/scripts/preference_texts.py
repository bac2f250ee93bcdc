"""Rule `preference_texts`: length and form of all summaries."""

from pathlib import Path

from manybaskets.experiments.preference.summaries import describe_texts
from manybaskets.jobs.job import job

with job(snakemake.log[0]):
    files = [
        (author, target, Path(file))
        for (author, target), file in zip(snakemake.params.who, list(snakemake.input), strict=True)
    ]
    describe_texts(files, Path(snakemake.output[0]))
