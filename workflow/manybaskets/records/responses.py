"""Prompts and responses, the rows passed between stages, and the checks every file must pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.errors import UserError
from manybaskets.records.visible_text import has_visible_text
from manybaskets.records.writing import read_metadata, write_table

_HAS_TEXT = has_visible_text("text")


def valid_answers(path: Path) -> pl.DataFrame:
    """Answers that can be measured, sorted: neither failed nor empty; only the first of a
    conversation. Where a file of answers was replayed, nobody knows how they ended, so that
    `finish_reason` is null.
    """
    frame = read_responses(path).filter(_HAS_TEXT & (pl.col("turn") == 0))
    if read_metadata(path).get("engine") == "replay":
        frame = frame.with_columns(finish_reason=pl.lit(None, dtype=pl.String))
    return frame.sort("prompt_id", "sample")


RESPONSES = pl.Schema(
    {
        "prompt_id": pl.String,
        "sample": pl.Int32,
        "turn": pl.Int32,  # which answer of a conversation, from 0
        "text": pl.String,
        "finish_reason": pl.String,
        "prompt_tokens": pl.Int32,
        "completion_tokens": pl.Int32,
        "attempts": pl.Int32,
        "error": pl.String,
    }
)
PROMPTS = pl.Schema(
    {
        "prompt_id": pl.String,
        "instruction": pl.String,
        "context": pl.String,
        "follow_ups": pl.List(pl.String),  # later questions of a conversation; usually empty
    }
)
# Key in the metadata of the split and of prompt sets: counts of long prompts.
FITTED = "long_prompts"
# Key in the metadata of the split: what becomes of long prompts of other prompt sets.
FITTED_SETS = "long_prompts_of_sets"
FINISH_REASONS = ("stop", "length", "error")


def long_prompt_counts(path: Path) -> dict[str, dict[str, int]]:
    """Counts of long prompts in a file's metadata, as metadata for files made from it: under
    `FITTED`, prompts `excluded` and `shortened`, and the `models`; empty without a count."""
    return {key: value for key, value in read_metadata(path).items() if key == FITTED}


def long_prompts_of_sets(path: Path) -> dict[str, dict[str, int | None]]:
    """What the split decided about long prompts of prompt sets.

    Returns:
        By prompt set and prompt id, the characters of context that are kept; null for a prompt that
        leaves the study.
    """
    return read_metadata(path).get(FITTED_SETS, {})


def check_responses(
    frame: pl.DataFrame,
    expected: Iterable[str] | Mapping[str, int],
    where: str,
    samples: int = 1,
    max_error_share: float = 0.0,
) -> None:
    """Check that responses answer exactly the expected prompts, each turn once per sample.

    Args:
        expected: prompt ids, or the number of turns by prompt id.

    Raises:
        UserError: wrong columns; missing, extra or duplicate prompts; an answer without text or an
            error with text; more errors than `max_error_share`.
    """
    if frame.schema != RESPONSES:
        _fail(
            f"the file has the columns {dict(frame.schema)}",
            where,
            f"the columns {list(RESPONSES)}",
            "delete the file and rerun its stage",
        )
    turns = expected if isinstance(expected, Mapping) else dict.fromkeys(expected, 1)
    wanted = expected_rows(turns, samples)
    keys = ["prompt_id", "sample", "turn"]
    doubled = frame.filter(frame.select(keys).is_duplicated()).select(keys)
    if doubled.height:
        first = doubled.unique().sort(keys).head(5).rows()
        _fail(f"{doubled.height - doubled.unique().height} rows are duplicates (first: {first})", where,
              "every prompt once per sample", "delete the file and rerun its stage")  # fmt: skip
    missing = wanted.join(frame, on=keys, how="anti").sort(keys)
    extra = frame.join(wanted, on=keys, how="anti").sort(keys)
    if missing.height or extra.height:
        _fail(
            f"{missing.height} prompts have no answer (first: {missing.head(5).rows()}); "
            f"{extra.height} answers belong to no prompt in the set (first: "
            f"{extra.head(5).select(keys).rows()})",
            where,
            "every prompt in the set exactly once per sample",
            "delete the file and rerun its stage; answers from a file must cover the whole set",
        )
    failed = pl.col("finish_reason") == "error"
    wrong = frame.filter(
        ~pl.col("finish_reason").is_in(FINISH_REASONS)
        | (failed & pl.col("text").is_not_null())
        | (~failed & pl.col("text").is_null())
    )
    if wrong.height:
        _fail(f"{wrong.height} rows have both a text and an error, or neither", where,
              f"finish_reason one of {FINISH_REASONS}, and a text unless it is 'error'",
              "delete the file and rerun its stage")  # fmt: skip
    errors = frame.filter(failed).height
    if errors > max_error_share * frame.height:
        messages = frame.filter(failed)["error"].unique().sort().to_list()[:3]
        _fail(f"{errors} of {frame.height} rows failed: {messages}", where,
              f"at most a share of {max_error_share} failed rows (`max_error_share`)",
              "fix the cause named in the stage's log and rerun the same command: finished rows "
              "are kept")  # fmt: skip


def expected_rows(turns: Mapping[str, int], samples: int = 1) -> pl.DataFrame:
    """Columns prompt_id, sample and turn for the given number of turns per prompt."""
    schema = {key: RESPONSES[key] for key in ("prompt_id", "sample", "turn")}
    rows = [
        (prompt_id, sample, turn)
        for prompt_id, count in turns.items()
        for sample in range(samples)
        for turn in range(count)
    ]
    return pl.DataFrame(rows, schema=schema, orient="row")


def turns_of(prompts: pl.DataFrame) -> dict[str, int]:
    """Number of answers that each prompt asks for, by id; `prompts` has the columns of `PROMPTS`."""
    counts = prompts.select("prompt_id", 1 + pl.col("follow_ups").list.len().cast(pl.Int64))
    return dict(counts.iter_rows())


def _fail(what: str, where: str, expected: str, remedy: str) -> None:
    raise UserError(what=what, where=where, expected=expected, remedy=remedy)


def write_responses(
    rows: pl.DataFrame | Sequence[Mapping[str, Any]], path: Path, metadata: Mapping[str, Any]
) -> None:
    """Write responses sorted by prompt, sample and turn, so that equal rows give equal bytes."""
    frame = pl.DataFrame(rows, schema=RESPONSES).sort("prompt_id", "sample", "turn")
    write_table(frame, path, metadata)


def read_responses(path: Path) -> pl.DataFrame:
    """Read a responses file; `check_responses` checks its content."""
    return pl.read_parquet(path)
