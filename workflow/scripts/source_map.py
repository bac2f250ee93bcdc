"""Rule `source_map`: the sources' answers on one map."""

from pathlib import Path

from manybaskets.jobs.job import job
from manybaskets.measures.embedding import Vectors
from manybaskets.records.writing import write_table
from manybaskets.source_analysis.map import place_answers, sampled_answers

with job(snakemake.log[0]):
    inputs, params = snakemake.input, snakemake.params
    files = dict(zip(params.sources, map(Path, inputs.sources), strict=True))
    answers = sampled_answers(files, params.prompts, params.seed)
    points = place_answers(answers, Vectors.open(Path(inputs.vectors)), params.seed)
    write_table(points, Path(snakemake.output[0]))
