"""Rows of judgements: scores without text for everyone, and with the judge's reasons where texts may lie."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.errors import UserError
from manybaskets.records.files import write_table

# One row per response, judge and rubric, whatever came of it.
JUDGED = pl.Schema(
    {
        "prompt_set": pl.String,
        "prompt_id": pl.String,
        "sample": pl.Int32,
        "judge": pl.String,
        "rubric": pl.String,
        "score": pl.Float64,  # null where there is none
        "status": pl.String,  # one of STATUSES
        "cause": pl.String,  # one of CAUSES for `judge_failed`, else null; never a text
        "attempts": pl.Int32,  # questions put to the judge, without the retest's
        "again": pl.Float64,  # score when asked a second time with the scale reversed
        "again_status": pl.String,  # null where not asked again
    }
)
# The same with the reason that a judge gave, which may quote the response.
REASONED = pl.Schema({**JUDGED, "reason": pl.String})
# What is to be judged; a response that failed has no text.
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
)  # fmt: skip
KEY = ["prompt_set", "prompt_id", "sample"]


def exchanges(prompts: pl.DataFrame, responses: pl.DataFrame) -> pl.DataFrame:
    """Requests with the responses to them, joined by id.

    Args:
        prompts: prompt_set, prompt_id, request; what a judge is to see as the request.
        responses: `records.RESPONSES`, one turn; those that failed keep their row without a text.

    Raises:
        UserError: a response to no prompt, a prompt without a row, or a conversation of several turns.
    """
    if responses.height and responses["turn"].max() != 0:
        _fail("responses of several turns", "one turn: a judge sees one request and one response")
    known = prompts.select("prompt_set", "prompt_id", "request")
    strange = responses.join(known, on="prompt_id", how="anti").height
    missing = known.join(responses, on="prompt_id", how="anti").height
    if strange or missing or known["prompt_id"].is_duplicated().any():
        _fail(
            f"{strange} responses to no prompt, {missing} prompts without a response",
            "responses to exactly the prompts, every prompt once",
        )
    said = pl.when(pl.col("finish_reason") != "error").then(pl.col("text"))
    found = responses.select("prompt_id", "sample", response=said).join(known, on="prompt_id")
    return found.select(list(EXCHANGES)).sort(KEY)


def check_exchanges(rows: pl.DataFrame) -> None:
    """Check a table of what is to be judged.

    Raises:
        UserError: wrong columns, a row twice, a row without a request.
    """
    if any(rows.schema.get(name) != kind for name, kind in EXCHANGES.items()):
        _fail(f"columns {dict(rows.schema)}", f"the columns {dict(EXCHANGES)}")
    doubled = rows.select(KEY).is_duplicated().sum()
    if doubled:
        _fail(f"{doubled} rows that are there twice", f"{', '.join(KEY)} once each")
    if rows.select(*KEY, "request").null_count().sum_horizontal().item():
        _fail("rows without an id or a request", "both in every row")


def check_judged(rows: pl.DataFrame, judged: pl.DataFrame) -> None:
    """Check that judgements are those of exactly these rows: rows in are rows out.

    Raises:
        UserError: rows missing, extra or doubled; a status that does not fit its score.
    """
    for name, kind in JUDGED.items():
        if judged.schema.get(name) != kind:
            _fail(f"no column {name} of type {kind}", f"the columns {list(JUDGED)}")
    lost = rows.join(judged, on=KEY, how="anti").height
    extra = judged.join(rows, on=KEY, how="anti").height
    doubled = judged.select(*KEY, "judge", "rubric").is_duplicated().sum()
    if lost or extra or doubled:
        _fail(f"{lost} rows lost, {extra} added, {doubled} doubled", "every row once")
    scored, failed = pl.col("status") == "judged", pl.col("status") == "judge_failed"
    wrong = judged.filter(
        ~pl.col("status").is_in(STATUSES)
        | (scored != pl.col("score").is_not_null())
        | (failed != pl.col("cause").is_not_null())
        | (failed & ~pl.col("cause").is_in(CAUSES))
        | ((pl.col("again_status") == "judged") != pl.col("again").is_not_null())
    )
    if wrong.height:
        _fail(f"{wrong.height} rows whose status does not fit score and cause", "a score if judged")


def without_texts(judged: pl.DataFrame) -> pl.DataFrame:
    """Judgements without the reasons: what may lie outside the folder for texts."""
    return judged.select(list(JUDGED))


def write_judged(judged: pl.DataFrame, path: Path, metadata: Mapping[str, Any]) -> None:
    """Write judgements sorted by id, judge and rubric, so that the same rows give the same bytes."""
    write_table(judged.sort(*KEY, "judge", "rubric"), path, metadata)


def _fail(what: str, expected: str) -> None:
    raise UserError(
        what=what,
        where="rows for a judge",
        expected=expected,
        remedy="delete the files of this stage and run it again",
    )
