"""Table and sentences of the experiment on sources' likelihood."""

from __future__ import annotations

import polars as pl

from manybaskets.experiments.source_likelihood.changes import CONTRAST
from manybaskets.presentation.formatting import number
from manybaskets.presentation.page import ReportSection
from manybaskets.presentation.tables import as_it_is, table

NAME = "source-likelihood"

table(
    name=NAME,
    title="Likelihood of the sources' held-out answers",
    caption="Mean negative log-likelihood, in nats per token, of each source's answers to validation "
    "prompts under the untuned target and under the run; a negative change means that training made "
    "them likelier. `own minus others` is the change for the sources of the mix minus that for the "
    "other sources, on the same prompts. With `keep_checkpoint: lowest`, the validation prompts also "
    "chose the checkpoint.",
    needs=(NAME,),
    section="source_likelihood",
    when=lambda study: getattr(study, "source_likelihood", None) is not None,
)(as_it_is)


def section_of(changes: pl.DataFrame) -> ReportSection:
    """The section of the report, without its table."""
    said = []
    for row in changes.filter(source=CONTRAST).to_dicts():
        own = changes.filter(pl.col("share") > 0, model=row["model"], mix=row["mix"])
        names = ", ".join(own["source"])
        signed = f"{number(row['change'])} (interval {number(row['low'])} to {number(row['high'])})"
        said.append(
            f"Training {row['model']} on `{row['mix']}` changes the negative log-likelihood of its "
            f"sources' held-out answers ({names}) by {number(own['change'].mean())} nats per token; "
            f"minus the change for the other sources: {signed}; {_verdict(row)}."
        )
    return ReportSection("Likelihood of the sources' answers", said)


def _verdict(row: dict) -> str:
    if row["low"] is None:
        return "without an interval, nothing is decided"
    if row["low"] <= 0 <= row["high"]:
        return "its own sources could not be distinguished from the others"
    return "its own sources gain more" if row["high"] < 0 else "the other sources gain more"
