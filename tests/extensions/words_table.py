"""A table of a user's own: how long the answers of every condition are."""

import polars as pl

from manybaskets.presentation.tables import table


@table(
    name="words",
    title="Words per answer",
    caption="Mean number of words in the answers of every condition, with its interval.",
    needs=("summary",),
)
def words(summary, context):
    rows = summary.filter(pl.col("measure") == "response_words")
    return rows.select("model", "mix", "prompt_set", "estimate", "low", "high", "n_prompts")
