"""Rule `topics`: one topic model of all sources' answers."""

from pathlib import Path

from manybaskets.config.evaluation import Statistics, Topics
from manybaskets.jobs.job import job
from manybaskets.records.writing import write_table
from manybaskets.source_analysis.shared_answers import read_shared
from manybaskets.source_analysis.topics import fit_topics, topic_distances, topic_table

with job(snakemake.log[0]):
    output, params = snakemake.output, snakemake.params
    settings, statistics = Topics(**params.topics), Statistics(**params.statistics)
    files = dict(zip(params.sources, map(Path, snakemake.input), strict=True))
    fitted = fit_topics(read_shared(files, settings.prompts, params.seed), settings, params.seed)
    write_table(topic_table(fitted, statistics, params.seed), Path(output.topics))
    write_table(topic_distances(fitted, statistics, params.seed), Path(output.pairs))
