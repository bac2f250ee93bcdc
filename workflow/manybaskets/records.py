"""Rows that stages hand to each other: prompts, responses, and the rules every file of them obeys."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.errors import UserError

RESPONSES = pl.Schema(
    {
        "prompt_id": pl.String,
        "sample": pl.Int32,
        "text": pl.String,
        "finish_reason": pl.String,
        "prompt_tokens": pl.Int32,
        "completion_tokens": pl.Int32,
        "attempts": pl.Int32,
        "error": pl.String,
    }
)
PROMPTS = pl.Schema({"prompt_id": pl.String, "instruction": pl.String, "context": pl.String})
MEASURED = pl.Schema(
    {
        "measure": pl.String,
        "model": pl.String,
        "mix": pl.String,
        "seed": pl.Int64,
        "prompt_set": pl.String,
        "prompt_id": pl.String,  # null for a measure of a whole set
        "draw": pl.Int32,  # set measures: 0 all prompts; 1, 2, … half-samples; -1, -2 prompts used, left out
        "value": pl.Float64,  # null where the prompt is excluded
    }
)
FINISH_REASONS = ("stop", "length", "error")
_METADATA_KEY = "manybaskets"


def digest(*parts: Any) -> str:
    """Hex digest of JSON-serialisable parts: the same parts give the same 64 characters anywhere."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def row_seed(*parts: Any) -> int:
    """A 63-bit seed from e.g. (study seed, prompt id, source, sample)."""
    return int(digest(*parts)[:16], 16) >> 1


def prompt_ids(rows: pl.DataFrame) -> pl.Series:
    """Stable ids of prompts: from their text and, where a text repeats, its occurrence number.

    Occurrences are numbered in the order of their answers (column `response`, where there is one),
    so that the order of the file means nothing.
    """
    answers = rows.get_column("response") if "response" in rows.columns else [""] * rows.height
    texts = [
        digest(instruction, context)[:16]
        for instruction, context in zip(rows["instruction"], rows["context"], strict=True)
    ]
    order = sorted(range(rows.height), key=lambda index: (texts[index], answers[index]))
    ids, count, previous = [""] * rows.height, 0, None
    for index in order:
        count = count + 1 if texts[index] == previous else 0
        previous = texts[index]
        ids[index] = f"{texts[index]}-{count}"
    return pl.Series("prompt_id", ids)


@contextmanager
def whole_file(path: Path):
    """Give a temporary path beside `path`; it takes its name by one rename, if nothing went wrong."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        with open(partial, "rb+") as handle:
            os.fsync(handle.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_table(frame: pl.DataFrame, path: Path, metadata: Mapping[str, Any] | None = None) -> None:
    """Write Parquet whole or not at all, with `metadata` as JSON in the file's own metadata."""
    text = json.dumps(metadata or {}, sort_keys=True, ensure_ascii=False)
    with whole_file(path) as partial:
        frame.write_parquet(partial, metadata={_METADATA_KEY: text})


def read_metadata(path: Path) -> dict[str, Any]:
    """Metadata that `write_table` put into a Parquet file."""
    return json.loads(pl.read_parquet_metadata(path).get(_METADATA_KEY, "{}"))


def write_json(value: Any, path: Path) -> None:
    """Write JSON whole or not at all."""
    write_text(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n", path)


def write_text(text: str, path: Path) -> None:
    """Write UTF-8 text whole or not at all."""
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


def check_responses(
    frame: pl.DataFrame,
    expected: Iterable[str],
    where: str,
    samples: int = 1,
    max_error_share: float = 0.0,
) -> None:
    """Check that responses answer exactly the expected prompts, each once per sample.

    Raises:
        UserError: wrong columns; prompts missing, extra or doubled; an answer without text or an
            error with one; more errors than `max_error_share`.
    """
    if frame.schema != RESPONSES:
        _fail(
            f"columns are {dict(frame.schema)}",
            where,
            f"the columns {list(RESPONSES)}",
            "make the file anew",
        )
    wanted = {(prompt_id, sample) for prompt_id in expected for sample in range(samples)}
    found = list(frame.select("prompt_id", "sample").iter_rows())
    present = set(found)
    if len(found) != len(present):
        doubled = (
            sorted({key for key in found if found.count(key) > 1})[:5] if len(found) < 5000 else []
        )
        _fail(f"{len(found) - len(present)} rows are doubled {doubled}", where, "every prompt once per sample",
              "delete the file and run its stage again")  # fmt: skip
    missing, extra = sorted(wanted - present), sorted(present - wanted)
    if missing or extra:
        _fail(
            f"{len(missing)} prompts are not answered (first: {missing[:5]}), "
            f"{len(extra)} answers are to no prompt of the set (first: {extra[:5]})",
            where,
            "every prompt of the set exactly once per sample",
            "delete the file and run its stage again; answers from elsewhere must cover the whole set",
        )
    failed = pl.col("finish_reason") == "error"
    wrong = frame.filter(
        ~pl.col("finish_reason").is_in(FINISH_REASONS)
        | (failed & pl.col("text").is_not_null())
        | (~failed & pl.col("text").is_null())
    )
    if wrong.height:
        _fail(f"{wrong.height} rows have a text and an error, or neither", where,
              f"finish_reason one of {FINISH_REASONS}, and a text unless it is 'error'",
              "delete the file and run its stage again")  # fmt: skip
    errors = frame.filter(failed).height
    if errors > max_error_share * frame.height:
        messages = frame.filter(failed)["error"].unique().sort().to_list()[:3]
        _fail(f"{errors} of {frame.height} rows failed: {messages}", where,
              f"at most a share of {max_error_share} (max_error_share)",
              "read the log of the stage; mend the cause and run it again: finished rows are kept")  # fmt: skip


def _fail(what: str, where: str, expected: str, remedy: str) -> None:
    raise UserError(what=what, where=where, expected=expected, remedy=remedy)


def write_responses(
    rows: Sequence[Mapping[str, Any]], path: Path, metadata: Mapping[str, Any]
) -> None:
    """Write responses sorted by prompt and sample, so that the same rows give the same bytes."""
    frame = pl.DataFrame(list(rows), schema=RESPONSES).sort("prompt_id", "sample")
    write_table(frame, path, metadata)


def read_responses(path: Path) -> pl.DataFrame:
    """Read a file of responses; its content is checked by `check_responses`."""
    return pl.read_parquet(path)
