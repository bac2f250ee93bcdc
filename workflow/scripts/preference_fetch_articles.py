"""Rule `preference_fetch_articles`: articles of the hub."""

from pathlib import Path

from manybaskets.config.articles import HubArticles
from manybaskets.experiments.preference.articles import fetch_articles
from manybaskets.jobs.job import job
from manybaskets.records.writing import write_table

with job(snakemake.log[0]):
    articles = fetch_articles(HubArticles(**snakemake.params.articles))
    write_table(articles, Path(snakemake.output[0]))
