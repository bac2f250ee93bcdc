"""Rule `distances`: distances between the sources, beside all other numbers on pairs."""

from pathlib import Path

import polars as pl

from manybaskets.config.evaluation import Statistics
from manybaskets.jobs.job import job
from manybaskets.measures.embedding import Vectors
from manybaskets.records.writing import write_table
from manybaskets.source_analysis.distances import vector_distances
from manybaskets.source_analysis.shared_answers import read_shared

with job(snakemake.log[0]):
    inputs, params = snakemake.input, snakemake.params
    files = dict(zip(params.sources, map(Path, inputs.responses), strict=True))
    answers = read_shared(files, params.prompts, params.seed)
    encoded = Vectors.open(Path(inputs.vectors))
    vectors = {name: encoded.of_texts(texts) for name, texts in answers.texts.items()}
    settings = Statistics(**params.statistics)
    distances = vector_distances(
        vectors, answers.prompt_ids, settings, params.seed, unshared=answers.unshared
    )
    others = [pl.read_parquet(file) for file in [*inputs.topics, inputs.similarity]]
    write_table(pl.concat([distances, *others]), Path(snakemake.output[0]))
