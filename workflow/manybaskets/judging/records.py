"""Rows of judgements: scores without texts, and with the judge's reasons for restricted folders."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.errors import UserError
from manybaskets.records.writing import write_table

# One row per response, judge and rubric, whatever the result.
JUDGED = pl.Schema(
    {
        "prompt_set": pl.String,
        "prompt_id": pl.String,
        "sample": pl.Int32,
        "judge": pl.String,
        "rubric": pl.String,
        "score": pl.Float64,  # null if there is none
        "status": pl.String,  # one of STATUSES
        "cause": pl.String,  # one of CAUSES for `judge_failed`, otherwise null; never a text
        "attempts": pl.Int32,  # questions to the judge, without retest questions
        "again": pl.Float64,  # score when asked a second time with the scale reversed
        "again_status": pl.String,  # null if not asked again
    }
)
# The same with the judge's reason, which may quote the response.
REASONED = pl.Schema({**JUDGED, "reason": pl.String})
# Rows to be judged; a failed response has no text.
EXCHANGES = pl.Schema(
    {
        "prompt_set": pl.String,
        "prompt_id": pl.String,
        "sample": pl.Int32,
        "request": pl.String,
        "response": pl.String,
    }
)
STATUSES = ("judged", "judge_failed", "no_response", "not_sampled")
CAUSES = (
    "no_answer", "truncated", "not_json", "no_score", "no_reason", "two_scores", "not_a_number",
    "not_whole", "out_of_range", "not_a_choice", "too_long", "withheld", "engine_error",
    "unknown_language",
)  # fmt: skip
KEY = ["prompt_set", "prompt_id", "sample"]


def exchanges(prompts: pl.DataFrame, responses: pl.DataFrame) -> pl.DataFrame:
    """Requests joined with their responses by id.

    Args:
        prompts: prompt_set, prompt_id, request (shown to the judge as the request).
        responses: `records.RESPONSES`, one turn; failed responses keep their row without a text.

    Raises:
        UserError: a response without a prompt, a prompt without a row, or a conversation with
            several turns.
    """
    if responses.height and responses["turn"].max() != 0:
        _fail(
            "some responses have several turns",
            "one turn: a judge sees one request and one response",
        )
    known = prompts.select("prompt_set", "prompt_id", "request")
    strange = responses.join(known, on="prompt_id", how="anti").height
    missing = known.join(responses, on="prompt_id", how="anti").height
    if strange or missing or known["prompt_id"].is_duplicated().any():
        _fail(
            f"{strange} responses belong to no prompt, and {missing} prompts have no response",
            "exactly one response per prompt",
        )
    said = pl.when(pl.col("finish_reason") != "error").then(pl.col("text"))
    found = responses.select("prompt_id", "sample", response=said).join(known, on="prompt_id")
    return found.select(list(EXCHANGES)).sort(KEY)


def check_exchanges(rows: pl.DataFrame) -> None:
    """Check a table of rows to be judged.

    Raises:
        UserError: wrong columns, a duplicate row, or a row without a request.
    """
    if any(rows.schema.get(name) != kind for name, kind in EXCHANGES.items()):
        _fail(f"the table has the columns {dict(rows.schema)}", f"the columns {dict(EXCHANGES)}")
    doubled = rows.select(KEY).is_duplicated().sum()
    if doubled:
        _fail(f"{doubled} rows are duplicates", f"every combination of {', '.join(KEY)} once")
    if rows.select(*KEY, "request").null_count().sum_horizontal().item():
        _fail("rows have no id or no request", "an id and a request in every row")


def check_judged(rows: pl.DataFrame, judged: pl.DataFrame) -> None:
    """Check that judgements belong to exactly these rows.

    Raises:
        UserError: missing, extra or duplicate rows; a status that contradicts its score.
    """
    for name, kind in JUDGED.items():
        if judged.schema.get(name) != kind:
            _fail(f"the table has no column {name} of type {kind}", f"the columns {list(JUDGED)}")
    lost = rows.join(judged, on=KEY, how="anti").height
    extra = judged.join(rows, on=KEY, how="anti").height
    doubled = judged.select(*KEY, "judge", "rubric").is_duplicated().sum()
    if lost or extra or doubled:
        _fail(f"{lost} rows are missing, {extra} extra and {doubled} duplicate", "every row once")
    scored, failed = pl.col("status") == "judged", pl.col("status") == "judge_failed"
    wrong = judged.filter(
        ~pl.col("status").is_in(STATUSES)
        | (scored != pl.col("score").is_not_null())
        | (failed != pl.col("cause").is_not_null())
        | (failed & ~pl.col("cause").is_in(CAUSES))
        | ((pl.col("again_status") == "judged") != pl.col("again").is_not_null())
    )
    if wrong.height:
        _fail(f"in {wrong.height} rows the status contradicts score and cause", "a score if judged")


def without_texts(judged: pl.DataFrame) -> pl.DataFrame:
    """Judgements without reasons, which may be written outside of the restricted folder."""
    return judged.select(list(JUDGED))


def write_judged(judged: pl.DataFrame, path: Path, metadata: Mapping[str, Any]) -> None:
    """Write judgements sorted by id, judge and rubric, so that equal rows give equal bytes."""
    write_table(judged.sort(*KEY, "judge", "rubric"), path, metadata)


def _fail(what: str, expected: str) -> None:
    raise UserError(
        what=what,
        where="the rows for a judge",
        expected=expected,
        remedy="delete this stage's files and rerun the same command",
    )
