"""Rule `embed`: sentence vectors of all answers to a prompt set."""

from pathlib import Path

import polars as pl

from manybaskets.config.evaluation import Embedding
from manybaskets.jobs.job import job
from manybaskets.measures.embedding import embed_sentences
from manybaskets.records.responses import valid_answers

with job(snakemake.log[0]):
    inputs, settings = snakemake.input, Embedding(**snakemake.params.embedding)
    texts = [text for file in inputs.responses for text in valid_answers(Path(file))["text"]]
    if inputs.get("split"):  # the human answers
        texts += pl.read_parquet(inputs.split).filter(split="test")["response"].to_list()
    embed_sentences(
        filter(None, texts),
        settings.model,
        settings.batch_size,
        snakemake.threads,
        Path(snakemake.params.work),
        Path(snakemake.output.vectors),
        settings.languages,
    )
