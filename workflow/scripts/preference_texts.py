"""Rule `preference_texts`: length and form of all summaries."""

from pathlib import Path

from manybaskets.jobs import job
from manybaskets.preference.summaries import describe_texts

with job(snakemake.log[0]):
    files = [
        (author, target, Path(file))
        for (author, target), file in zip(snakemake.params.who, list(snakemake.input), strict=True)
    ]
    describe_texts(files, Path(snakemake.output[0]))
