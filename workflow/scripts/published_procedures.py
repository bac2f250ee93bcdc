"""Rule `published_procedures`: the published procedures on the answers of runs and sources."""

from pathlib import Path

import polars as pl

from manybaskets.config.evaluation import Embedding, PublishedProcedures
from manybaskets.jobs.job import job
from manybaskets.measures.embedding import Encoder
from manybaskets.published.condition_groups import Groups
from manybaskets.published.run_procedures import Procedures, Run, run_procedures
from manybaskets.published.source_procedures import prompts_of_parts, source_procedures
from manybaskets.published.splitting import open_splitter
from manybaskets.records.writing import write_table

with job(snakemake.log[0]):
    inputs, params = snakemake.input, snakemake.params
    settings, embedding = PublishedProcedures(**params.paper), Embedding(**params.embedding)
    encoder = Encoder(embedding.model, embedding.batch_size, snakemake.threads)
    work = Path(params.work) / encoder.fingerprint
    procedures = Procedures(settings, open_splitter(settings), encoder.encode, work)
    files = zip(map(Path, inputs.responses), map(Path, inputs.likelihoods), strict=True)
    runs = [Run(*run, *each) for run, each in zip(params.runs, files, strict=True)]
    sources = dict(zip(params.sources, map(Path, inputs.sources), strict=True))
    parts = prompts_of_parts(pl.read_parquet(inputs.split))
    frames = [
        run_procedures(runs, Groups(**params.groups), procedures),
        source_procedures(sources, parts, procedures),
    ]
    write_table(pl.concat(frames), Path(snakemake.output[0]))
