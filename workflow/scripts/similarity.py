"""Rule `similarity`: ROUGE and METEOR between all pairs of sources."""

from pathlib import Path

from manybaskets.config.evaluation import Similarity, Statistics
from manybaskets.jobs.job import job
from manybaskets.records.writing import write_table
from manybaskets.source_analysis.shared_answers import read_shared
from manybaskets.source_analysis.similarity.pair_scores import score_pairs
from manybaskets.source_analysis.similarity.pair_summary import (
    similarity_of_pairs,
    similarity_of_sources,
)

with job(snakemake.log[0]):
    output, params = snakemake.output, snakemake.params
    settings, statistics = Similarity(**params.similarity), Statistics(**params.statistics)
    files = dict(zip(params.sources, map(Path, snakemake.input), strict=True))
    answers = read_shared(files, settings.prompts, params.seed)
    scored = score_pairs(answers, settings.metrics, params.seed)
    write_table(similarity_of_sources(scored, statistics, params.seed), Path(output.sources))
    write_table(similarity_of_pairs(scored, statistics, params.seed), Path(output.pairs))
