"""Rule `write_report`: one page that opens offline."""

import json
from pathlib import Path

import polars as pl

from manybaskets.config import parse_study
from manybaskets.jobs import job
from manybaskets.report import write_report
from manybaskets.study_report import assemble

with job(snakemake.log[0]):
    given = snakemake.input
    report = assemble(
        parse_study(snakemake.params.study, "the config of this run"),
        pl.read_parquet(given.summary),
        pl.read_parquet(given.comparisons),
        pl.read_parquet(given.counts),
        pl.read_parquet(given.knowledge) if given.get("knowledge") else None,
        pilots={
            name: json.loads(Path(file).read_text())
            for name, file in zip(snakemake.params.pilots, given.pilots, strict=True)
        },
        throughput={Path(file).stem: pl.read_csv(file) for file in given.throughput},
        figures=[Path(file) for file in given.figures],
        singles=snakemake.params.singles,
        multis=snakemake.params.multis,
    )
    write_report(Path(snakemake.output[0]), report)
