"""Rule `match_runs`: the prompts that every run answered."""

from pathlib import Path

from manybaskets.jobs.job import job
from manybaskets.measures.measuring import match_prompts
from manybaskets.records.writing import write_json

with job(snakemake.log[0]):
    files = zip(snakemake.params.prompt_sets, map(Path, snakemake.input), strict=True)
    splitting = snakemake.params.get("words")
    write_json(match_prompts(list(files), splitting), Path(snakemake.output[0]))
