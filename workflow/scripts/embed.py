"""Rule `embed`: sentence vectors of all answers to the test prompts."""

from pathlib import Path

import polars as pl

from manybaskets.config.analysis import Embedding
from manybaskets.embedding import embed_texts
from manybaskets.jobs import job
from manybaskets.records import read_responses

with job(snakemake.log[0]):
    settings = Embedding(**snakemake.params.embedding)
    first = pl.col("turn") == 0  # the answers that measures see
    texts = [
        text
        for file in snakemake.input
        for text in read_responses(Path(file)).filter(first)["text"].drop_nulls().to_list()
    ]
    embed_texts(
        texts,
        settings.model,
        settings.batch_size,
        snakemake.threads,
        Path(snakemake.params.work),
        Path(snakemake.output[0]),
    )
