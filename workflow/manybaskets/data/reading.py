"""Reading raw rows and prompt sets: every bad input becomes one message that says where."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import polars as pl

from manybaskets.config.data import HubDataset
from manybaskets.config.sections import Fields
from manybaskets.data.conversations import read_conversation
from manybaskets.errors import PassingError, UserError
from manybaskets.records import responses as records
from manybaskets.records.ids import prompt_ids

ROWS = pl.Schema(
    {
        "instruction": pl.String,
        "context": pl.String,
        "response": pl.String,
        "category": pl.String,
        "row": pl.Int64,
        "follow_ups": pl.List(pl.String),  # later questions of a conversation; empty for most
        "follow_up_responses": pl.List(pl.String),  # the answers to them
        "system_message": pl.Boolean,  # one stood in front of the conversation and was left out
        "broken_conversation": pl.String,  # what is wrong with it; such a row has no texts
    }
)
_TYPES = ".jsonl, .ndjson, .json (one object per line), .csv, .parquet; .gz after all but the last"
# The csv module refuses fields above 128 KiB by default; passages can be longer.
_LONGEST_CSV_FIELD = 2**31 - 1


@dataclass(frozen=True)
class Table:
    """Raw values by column, and the number by which an error calls each row."""

    where: str
    unit: str
    numbers: Sequence[int]
    columns: Sequence[str]
    values: Callable[[str], list[Any]]

    def place(self, index: int) -> str:
        return f"{self.where}, {self.unit} {self.numbers[index]}"


def read_rows(path: Path, fields: Fields, key: str = "dataset") -> pl.DataFrame:
    """Read a file of raw rows: JSON lines, CSV or Parquet; the first two gzipped or not.

    Args:
        path: the file; its name's ending says what it is.
        fields: which column is which field.
        key: path of the config section that names the file, for the remedies of errors.

    Returns:
        The columns of `ROWS`, in the file's order. `row` is the line in the file (JSON lines, CSV)
        or the row's number (Parquet), from 1. A missing instruction, context or response is an
        empty text; `response` is null where `fields.response` is null; a missing category is null.
        With `fields.messages`, the user's first turn is the instruction, the assistant's first the
        response, and the later ones are `follow_ups` and `follow_up_responses`.

    Raises:
        UserError: the file is missing, empty, of an unknown type, damaged or not UTF-8; a mapped
            column is not there; a value is no text, or no list of messages.
    """
    return _map_fields(read_table(Path(path), key), fields, key)


def read_hub_dataset(dataset: HubDataset) -> pl.DataFrame:
    """Fetch a dataset of the Hugging Face hub and map its columns as `read_rows` does.

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
            remedy="run with --software-deployment-method conda, or install `datasets`",
        ) from None
    try:
        loaded = load_dataset(dataset.repo, revision=dataset.revision, split=dataset.split)
    except Exception as error:  # the library raises a dozen kinds for one cause: it was not fetched
        reason = (str(error).strip().splitlines() or ["no reason given"])[0]
        raise PassingError(
            what=f"the dataset could not be fetched ({type(error).__name__}: {reason})",
            where=where,
            expected="a public or granted dataset of the hub, and a network connection",
            remedy="check dataset.repo, dataset.revision and dataset.split, and that this machine "
            "reaches the hub; or download the file and use dataset.kind: file",
        ) from error
    table = Table(
        where,
        "row",
        range(1, len(loaded) + 1),
        list(loaded.column_names),
        lambda name: list(loaded[name]),
    )
    return _map_fields(table, dataset.fields, "dataset")


def read_prompts(path: Path, fields: Fields, key: str = "prompt_sets.<name>") -> pl.DataFrame:
    """Read a prompt set, with the columns of `records.PROMPTS` and without outer whitespace.

    Of conversations the questions are read; answers are passed over and need not be there.

    Raises:
        UserError: as `read_rows`; or a row has no instruction, or a broken conversation.
    """
    # Answers and categories of a prompt set are not used, so they need not be there.
    fields = fields.model_copy(update={"response": None, "category": None})
    rows = without_outer_space(read_rows(path, fields, key))
    broken = rows.filter(pl.col("broken_conversation").is_not_null())
    if broken.height:
        _fail(f"{broken.height} conversations are broken; the first: "
              f"{broken['broken_conversation'][0]}", f"{path}, row {broken['row'][0]}",
              f"a question in every user's turn of column '{fields.messages}'",
              f"mend or remove these rows, or correct {key}.fields.messages")  # fmt: skip
    missing = rows.filter(pl.col("instruction") == "")["row"]
    if len(missing):
        raise UserError(
            what=f"{len(missing)} prompts have no instruction",
            where=f"{path}, row {missing[0]}",
            expected=f"a text in column '{fields.instruction}' of every row",
            remedy=f"mend or remove these rows, or correct {key}.fields.instruction",
        )
    return rows.with_columns(prompt_ids(rows)).select(records.PROMPTS.names())


def without_outer_space(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows whose texts, each turn of a conversation too, begin and end without whitespace."""
    stripped = pl.element().str.strip_chars()
    return rows.with_columns(
        pl.col("instruction", "context", "response").str.strip_chars(),
        pl.col("follow_ups", "follow_up_responses").list.eval(stripped),
    )


def read_table(path: Path, key: str) -> Table:
    """Read a file's raw values by column, whatever its columns are; errors as of `read_rows`."""
    name = path.name.lower()
    kind = Path(name.removesuffix(".gz")).suffix
    if kind not in {".jsonl", ".ndjson", ".json", ".csv", ".parquet"} or name.endswith(
        ".parquet.gz"
    ):
        _fail(f"unknown file type '{path.name}'", str(path), f"one of {_TYPES}",
              f"convert the file, or correct {key}.path")  # fmt: skip
    data = _read_bytes(path, key)
    if not data:
        _empty(path, key)
    if kind == ".parquet":
        table = _parquet(path, data, key)
    else:
        text = _decode(data, path)
        table = _csv(text, path) if kind == ".csv" else _json_lines(text, path)
    if not table.numbers:
        _empty(path, key)
    return table


def _read_bytes(path: Path, key: str) -> bytes:
    """Content of a file, unpacked where its name ends in `.gz`."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        _fail("the file does not exist", str(path), "a file of rows",
              f"correct {key}.path; a relative path counts from the repository's root")  # fmt: skip
    except OSError as error:
        _fail(f"the file cannot be read: {error.strerror}", str(path), "a readable file",
              f"check the file's rights, and that {key}.path names a file")  # fmt: skip
    if path.suffix.lower() != ".gz" or not data:
        return data
    try:
        return gzip.decompress(data)
    except EOFError:
        _fail("the gzip file is cut off", str(path), "a whole gzip file",
              "copy or download it again; `gzip -t` checks it")  # fmt: skip
    except (gzip.BadGzipFile, zlib.error) as error:
        _fail(f"the gzip file is damaged: {error}", str(path), "a gzip file",
              "copy or download it again, or take `.gz` off its name")  # fmt: skip


def _decode(data: bytes, path: Path) -> str:
    try:
        return data.decode("utf-8-sig")  # spreadsheet programs put a byte-order mark first
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        _fail(f"byte 0x{error.object[error.start]:02x} is not UTF-8", f"{path}, line {line}",
              "text in UTF-8", "convert it, e.g. `iconv -f latin1 -t utf-8`")  # fmt: skip


def _json_lines(text: str, path: Path) -> Table:
    remedy = "correct or remove the line"
    if text.lstrip().startswith("["):
        remedy = "write a JSON array as lines: `jq -c '.[]' array.json > rows.jsonl`"
    rows: list[dict[str, Any]] = []
    numbers: list[int] = []
    # Not splitlines(): texts may hold other characters that Python takes for line ends.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line or line.isspace():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            _fail(f"the line is not JSON: {error}", f"{path}, line {number}",
                  "one JSON object per line", remedy)  # fmt: skip
        if not isinstance(row, dict):
            _fail(f"the line is no JSON object but {line.strip()[:40]!r}",
                  f"{path}, line {number}", "one JSON object per line", remedy)  # fmt: skip
        rows.append(row)
        numbers.append(number)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return Table(str(path), "line", numbers, columns, lambda name: [row.get(name) for row in rows])


def _csv(text: str, path: Path) -> Table:
    csv.field_size_limit(_LONGEST_CSV_FIELD)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] = []
    rows: list[list[str]] = []
    numbers: list[int] = []
    line = 1  # where the row begins: a quoted field may hold line ends
    try:
        for row in reader:
            if row and not header:
                header = row
            elif row:
                if len(row) != len(header):
                    _fail(f"the row has {len(row)} fields, the header has {len(header)}",
                          f"{path}, line {line}", "comma-separated fields, quoted by \"",
                          "quote texts that hold commas, quotes or line ends")  # fmt: skip
                rows.append(row)
                numbers.append(line)
            line = reader.line_num + 1
    except csv.Error as error:
        _fail(f"the row is not CSV: {error}", f"{path}, line {line}",
              "comma-separated fields, quoted by \"",
              "close the quotes; double those in texts")  # fmt: skip
    doubled = sorted({name for name in header if header.count(name) > 1})
    if doubled:
        _fail(f"the columns {doubled} are there twice", f"{path}, line 1",
              "a header of distinct names", "rename or remove a column")  # fmt: skip
    return Table(
        str(path),
        "line",
        numbers,
        header,
        lambda name: [row[header.index(name)] for row in rows],
    )


def _parquet(path: Path, data: bytes, key: str) -> Table:
    try:
        frame = pl.read_parquet(io.BytesIO(data))
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = (str(error).splitlines() or ["no reason given"])[0]
        _fail(f"the file is not Parquet: {reason}", str(path), "a whole Parquet file",
              f"copy or write it again, or correct {key}.path")  # fmt: skip
    numbers = range(1, frame.height + 1)
    return Table(str(path), "row", numbers, frame.columns, lambda name: frame[name].to_list())


def _map_fields(table: Table, fields: Fields, key: str) -> pl.DataFrame:
    if not table.numbers:
        _fail("the dataset has no rows", table.where, "at least one row", f"correct {key}")
    columns = [
        *(_conversations if fields.messages else _single_turns)(table, fields, key),
        pl.Series("category", [None] * len(table.numbers), dtype=pl.String)
        if fields.category is None
        else _text_column(table, "category", fields.category, key),
        pl.Series("row", table.numbers, dtype=pl.Int64),
    ]
    frame = pl.DataFrame(columns).select(ROWS.names())
    return frame.with_columns(pl.col("category").str.strip_chars().replace("", None))


def _single_turns(table: Table, fields: Fields, key: str) -> list[pl.Series]:
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


def _conversations(table: Table, fields: Fields, key: str) -> list[pl.Series]:
    column, answered = fields.messages, fields.response is not None
    _require_column(table, "messages", column, key)
    read = []
    for index, value in enumerate(table.values(column)):
        try:
            each = read_conversation(value, answered)
        except ValueError as error:
            _fail(f"column '{column}' holds no conversation: {error}", table.place(index),
                  "a list of messages with `role` (user, assistant, system) and a text as `content`",
                  f"turn the value into such a list, or correct {key}.fields.messages")  # fmt: skip
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


def _require_column(table: Table, field: str, column: str, key: str) -> None:
    if column not in table.columns:
        instead = "" if field == "instruction" else ", or set it to null where there is none"
        _fail(f"there is no column '{column}'", table.where,
              f"one of the columns found: {', '.join(table.columns)}",
              f"correct {key}.fields.{field}{instead}")  # fmt: skip


def _text_column(table: Table, field: str, column: str, key: str) -> pl.Series:
    _require_column(table, field, column, key)
    values = table.values(column)
    if field == "category":  # classes are often numbered
        values = [str(value) if isinstance(value, int) else value for value in values]
    for index, value in enumerate(values):
        if value is not None and not isinstance(value, str):
            _fail(f"column '{column}' holds no text but {value!r:.60} ({type(value).__name__})",
                  table.place(index), "text in every row",
                  f"turn the value into text, or correct {key}.fields.{field}")  # fmt: skip
    try:
        return pl.Series(field, values, dtype=pl.String)
    except (UnicodeEncodeError, pl.exceptions.PolarsError):
        index = next(i for i, value in enumerate(values) if value and not _is_unicode(value))
        _half_a_pair(table, column, index)


def _half_a_pair(table: Table, column: str, index: int) -> NoReturn:
    _fail(f"column '{column}' holds half of a surrogate pair", table.place(index),
          "whole Unicode characters", "correct the \\ud8.. escape in this row")  # fmt: skip


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _empty(path: Path, key: str) -> NoReturn:
    _fail("the file has no rows", str(path), "at least one row",
          f"write the file again, or correct {key}.path")  # fmt: skip


def _fail(what: str, where: str, expected: str, remedy: str) -> NoReturn:
    raise UserError(what=what, where=where, expected=expected, remedy=remedy) from None
