"""Rule `echo_count`: the mean share of a question's words that recur in its answer, by source."""

import re
from pathlib import Path

import polars as pl

from manybaskets.jobs.job import job
from manybaskets.records.writing import write_table


def words(text: str, shortest: int) -> set[str]:
    return {word for word in re.findall(r"\w+", text.lower()) if len(word) >= shortest}


with job(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    prompts = pl.read_parquet(given.prompts)
    rows = []
    for source, file in zip(params.sources, given.answers, strict=True):
        shares = []
        answers = pl.read_parquet(file).drop_nulls("text").join(prompts, on="prompt_id")
        for question, answer in answers.select("instruction", "text").iter_rows():
            asked = words(question, params.echo["shortest"])
            if asked:
                shares.append(len(asked & words(answer, params.echo["shortest"])) / len(asked))
        rows.append({"source": source, "repeated": sum(shares) / len(shares), "n": len(shares)})
    write_table(pl.DataFrame(rows), Path(snakemake.output[0]))
