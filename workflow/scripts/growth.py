"""Rule `growth`: distinct words against words of every run and source."""

import json
from pathlib import Path

from manybaskets.jobs.job import job
from manybaskets.measures.growth import growth_table
from manybaskets.records.writing import write_table

with job(snakemake.log[0]):
    matched = {}
    for file in [*snakemake.input.matched, *snakemake.input.matched_sources]:
        matched |= json.loads(Path(file).read_text(encoding="utf-8"))
    given = [*snakemake.input.responses, *snakemake.input.sources]
    keys = [tuple(each) for each in snakemake.params.conditions]
    table = growth_table(dict(zip(keys, map(Path, given), strict=True)), matched)
    write_table(table, Path(snakemake.output[0]))
