"""Rule `preference_articles`: the articles that are summarised."""

from pathlib import Path

from manybaskets.experiments.preference.articles import raw_articles, sample_articles
from manybaskets.jobs.job import job

with job(snakemake.log[0]):
    params = snakemake.params
    raw = raw_articles(
        params.articles,
        [Path(file) for file in snakemake.input],
        count=params.wanted,
        towns=params.towns,
        seed=params.seed,
    )
    sample_articles(
        raw,
        params.wanted,
        params.seed,
        Path(snakemake.output.articles),
        Path(snakemake.output.counts),
    )
