"""Read raw rows and prompt sets; every bad input becomes one error that names its location."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any, NoReturn

import polars as pl

from manybaskets.config.data import HubDataset
from manybaskets.config.sections import Fields
from manybaskets.data.conversations import read_conversation
from manybaskets.data.raw_tables import RawTable, fail, read_table
from manybaskets.errors import PassingError, UserError
from manybaskets.records import responses
from manybaskets.records.ids import prompt_ids
from manybaskets.records.visible_text import has_visible_text

log = logging.getLogger(__name__)
ROWS = pl.Schema(
    {
        "instruction": pl.String,
        "context": pl.String,
        "response": pl.String,
        "category": pl.String,
        "row": pl.Int64,
        "follow_ups": pl.List(pl.String),  # later questions of a conversation; usually empty
        "follow_up_responses": pl.List(pl.String),  # the answers to them
        "system_message": pl.Boolean,  # the conversation began with one, which was left out
        "broken_conversation": pl.String,  # why it is invalid; such a row has no texts
    }
)


def read_rows(path: Path, fields: Fields, key: str = "dataset") -> pl.DataFrame:
    """Read raw rows from JSON (lines or an array), CSV (both optionally gzipped) or Parquet.

    Args:
        path: the file; its suffix determines the format.
        fields: column name for each field.
        key: path of the config section that names the file, for remedies in errors.

    Returns:
        The columns of `ROWS`, in the file's order. `row` is the line in the file (JSON lines, CSV)
        or the row's number (JSON arrays, Parquet), from 1. Numbers, true and false are taken as texts. A missing instruction, context or response is an
        empty text; `response` is null if `fields.response` is null; a missing category is null.
        With `fields.messages`, the user's first turn is the instruction, the assistant's first the
        response, and the later ones are `follow_ups` and `follow_up_responses`.

    Raises:
        UserError: the file is missing, empty, of an unknown type, damaged or not UTF-8; a mapped
            column does not exist; a value is not text, or not a list of messages.
    """
    return _map_fields(read_table(Path(path), key), fields, key)


def read_hub_dataset(dataset: HubDataset) -> pl.DataFrame:
    """Fetch a dataset from the Hugging Face Hub and map its columns as `read_rows` does.

    Raises:
        UserError: the library `datasets` is missing, the dataset cannot be fetched (no network,
            unknown repository, revision or split), or its columns do not fit `dataset.fields`.
    """
    where = f"{dataset.repo}, revision {dataset.revision}, split {dataset.split}"
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise UserError(
            what=f"the library `datasets` cannot be imported: {error}",
            where=where,
            expected="the environment of the rule that fetches",
            remedy="install `datasets`, or run with `--software-deployment-method conda`",
        ) from None
    try:
        loaded = load_dataset(dataset.repo, revision=dataset.revision, split=dataset.split)
    except (
        Exception
    ) as error:  # the library raises a dozen exception types for one cause: fetching failed
        reason = (str(error).strip().splitlines() or ["no reason given"])[0]
        raise PassingError(
            what=f"the dataset could not be fetched ({type(error).__name__}: {reason})",
            where=where,
            expected="a public Hub dataset, or one that you have access to, and a network "
            "connection",
            remedy="check `dataset.repo`, `dataset.revision`, `dataset.split` and this machine's "
            "access to the Hub, or download the file and set `dataset.kind: file`",
        ) from error
    table = RawTable(
        where,
        "row",
        range(1, len(loaded) + 1),
        list(loaded.column_names),
        lambda name: list(loaded[name]),
    )
    return _map_fields(table, dataset.fields, "dataset")


def read_prompts(path: Path, fields: Fields, key: str = "prompt_sets.<name>") -> pl.DataFrame:
    """Read a prompt set with the columns of `records.PROMPTS`, outer whitespace stripped.

    Only the questions of conversations are read; answers are skipped and may be missing.

    Raises:
        UserError: as `read_rows`; or a row has no instruction or an invalid conversation.
    """
    # Answers and categories of a prompt set are not used, so the columns may be missing.
    fields = fields.model_copy(update={"response": None, "category": None})
    rows = without_outer_space(read_rows(path, fields, key))
    broken = rows.filter(pl.col("broken_conversation").is_not_null())
    if broken.height:
        fail(f"{broken.height} conversations are invalid, the first because "
        f"{broken['broken_conversation'][0]}", f"{path}, row {broken['row'][0]}",
              f"a question in every user turn of column '{fields.messages}'",
              f"fix or remove these rows, or set `{key}.fields.messages` to the column with "
              "conversations")  # fmt: skip
    missing = rows.filter(~has_visible_text("instruction"))["row"]
    if len(missing):
        raise UserError(
            what=f"{len(missing)} prompts have no instruction",
            where=f"{path}, row {missing[0]}",
            expected=f"a text in column '{fields.instruction}' of every row",
            remedy=f"fix or remove these rows, or set `{key}.fields.instruction` to the column "
            "with the prompts",
        )
    return rows.with_columns(prompt_ids(rows)).select(responses.PROMPTS.names())


def without_outer_space(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with outer whitespace stripped from all texts, including every turn of a conversation."""
    stripped = pl.element().str.strip_chars()
    return rows.with_columns(
        pl.col("instruction", "context", "response").str.strip_chars(),
        pl.col("follow_ups", "follow_up_responses").list.eval(stripped),
    )


def _map_fields(table: RawTable, fields: Fields, key: str) -> pl.DataFrame:
    if not table.numbers:
        fail(
            "the dataset has no rows",
            table.where,
            "at least one row",
            f"change `{key}` to a dataset with rows",
        )
    columns = [
        *(_conversations if fields.messages else _single_turns)(table, fields, key),
        pl.Series("category", [None] * len(table.numbers), dtype=pl.String)
        if fields.category is None
        else _text_column(table, "category", fields.category, key),
        pl.Series("row", table.numbers, dtype=pl.Int64),
    ]
    frame = pl.DataFrame(columns).select(ROWS.names())
    return frame.with_columns(pl.col("category").str.strip_chars().replace("", None))


def _single_turns(table: RawTable, fields: Fields, key: str) -> list[pl.Series]:
    size = len(table.numbers)
    return [
        _text_column(table, "instruction", fields.instruction, key).fill_null(""),
        pl.Series("context", [""] * size)
        if fields.context is None
        else _text_column(table, "context", fields.context, key).fill_null(""),
        pl.Series("response", [None] * size, dtype=pl.String)
        if fields.response is None
        else _text_column(table, "response", fields.response, key).fill_null(""),
        pl.Series("follow_ups", [[]] * size, dtype=ROWS["follow_ups"]),
        pl.Series("follow_up_responses", [[]] * size, dtype=ROWS["follow_up_responses"]),
        pl.Series("system_message", [False] * size, dtype=pl.Boolean),
        pl.Series("broken_conversation", [None] * size, dtype=pl.String),
    ]


def _conversations(table: RawTable, fields: Fields, key: str) -> list[pl.Series]:
    column, answered = fields.messages, fields.response is not None
    _require_column(table, "messages", column, key)
    read = []
    for index, value in enumerate(table.values(column)):
        try:
            each = read_conversation(value, answered)
        except ValueError as error:
            fail(f"column '{column}' does not contain a conversation: {error}", table.place(index),
                  "a list of messages: `{role, content}`, `{from, value}`, or texts by turns",
                  f"convert the value to such a list, or set `{key}.fields.messages` to the "
                  "column with conversations")  # fmt: skip
        if not all(map(_is_unicode, (*each.questions, *each.answers))):
            _half_a_pair(table, column, index)
        read.append(each)
    size = len(read)
    first = [each.answers[0] if each.answers else "" for each in read]
    return [
        pl.Series("instruction", [each.questions[0] if each.questions else "" for each in read]),
        pl.Series("context", [""] * size),
        pl.Series("response", first if answered else [None] * size, dtype=pl.String),
        pl.Series("follow_ups", [each.questions[1:] for each in read], dtype=ROWS["follow_ups"]),
        pl.Series(
            "follow_up_responses",
            [each.answers[1:] for each in read],
            dtype=ROWS["follow_up_responses"],
        ),
        pl.Series("system_message", [each.system for each in read], dtype=pl.Boolean),
        pl.Series("broken_conversation", [each.fault for each in read], dtype=pl.String),
    ]


def _require_column(table: RawTable, field: str, column: str, key: str) -> None:
    if column not in table.columns:
        instead = "" if field == "instruction" else ", or to null if there is none"
        fail(f"there is no column '{column}'", table.where,
              f"one of the columns found: {', '.join(table.columns)}",
              f"set `{key}.fields.{field}` to an existing column{instead}")  # fmt: skip


def _text_column(table: RawTable, field: str, column: str, key: str) -> pl.Series:
    _require_column(table, field, column, key)
    values = table.values(column)
    numbers = sum(map(_is_number, values))
    if numbers:  # classes often are, and answers of one number
        log.info("%d values in column '%s' are taken as texts", numbers, column)
    values = [_as_text(value) for value in values]
    for index, value in enumerate(values):
        if value is not None and not isinstance(value, str):
            fail(f"column '{column}' contains {value!r:.60} ({type(value).__name__}) instead of "
            "text",
                  table.place(index), "text in every row",
                  f"convert the value to text, or set `{key}.fields.{field}` to a text column")  # fmt: skip
    try:
        return pl.Series(field, values, dtype=pl.String)
    except (UnicodeEncodeError, pl.exceptions.PolarsError):
        index = next(i for i, value in enumerate(values) if value and not _is_unicode(value))
        _half_a_pair(table, column, index)


def _is_number(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int)


def _as_text(value: Any) -> Any:
    """A number, true or false as text; null for NaN, which data frames write for a missing text."""
    if isinstance(value, float) and math.isnan(value):
        return None
    if not _is_number(value):
        return value
    if isinstance(value, bool):
        return str(value).lower()  # as the file has it
    # A column with missing values has floats where its file had whole numbers.
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 2**53
    return str(int(value)) if whole else str(value)


def _half_a_pair(table: RawTable, column: str, index: int) -> NoReturn:
    fail(f"column '{column}' contains half of a surrogate pair", table.place(index),
          "complete Unicode characters", "fix the \\ud8.. escape in this row")  # fmt: skip


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
