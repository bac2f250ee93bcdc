"""Read a user's file: raw values by column from JSON lines, JSON arrays, CSV or Parquet."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import polars as pl

from manybaskets.errors import UserError

_TYPES = ".jsonl, .ndjson, .json (one object per line, or an array of objects), .csv, .parquet; .gz after all but the last"
# The csv module refuses fields above 128 KiB by default; passages can be longer.
_LONGEST_CSV_FIELD = 2**31 - 1


# A file that unpacks to more, and by more than any text, was made to fill a machine's memory.
_MOST_UNPACKED = 1 << 30
_MOST_TIMES = 200
_BLOCK = 1 << 20


@dataclass(frozen=True)
class RawTable:
    """Raw values by column, and each row's number for error messages."""

    where: str
    unit: str
    numbers: Sequence[int]
    columns: Sequence[str]
    values: Callable[[str], list[Any]]

    def place(self, index: int) -> str:
        return f"{self.where}, {self.unit} {self.numbers[index]}"


def read_table(path: Path, key: str) -> RawTable:
    """Read a file's raw values by column, for any columns; raises as `read_rows`."""
    name = path.name.lower()
    kind = Path(name.removesuffix(".gz")).suffix
    if kind not in {".jsonl", ".ndjson", ".json", ".csv", ".parquet"} or name.endswith(
        ".parquet.gz"
    ):
        fail(f"unknown file type '{path.name}'", str(path), f"one of {_TYPES}",
              f"convert the file to one of these types, or set `{key}.path` to another file")  # fmt: skip
    data = _read_bytes(path, key)
    if not data:
        _empty(path, key)
    if kind == ".parquet":
        table = _parquet(path, data, key)
    else:
        text = _decode(data, path)
        table = _csv(text, path) if kind == ".csv" else _json_rows(text, path)
    if not table.numbers:
        _empty(path, key)
    return table


def _read_bytes(path: Path, key: str) -> bytes:
    """Content of a file, decompressed if its name ends in `.gz`."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        fail("the file does not exist", str(path), "a file of rows",
              f"set `{key}.path` to an existing file; a relative path is resolved from the "
              "repository root")  # fmt: skip
    except OSError as error:
        fail(f"the file cannot be read: {error.strerror}", str(path), "a readable file",
              f"check the file's permissions and that `{key}.path` names a file, not a folder")  # fmt: skip
    if path.suffix.lower() != ".gz" or not data:
        return data
    try:
        return _unpacked(data, path)
    except EOFError:
        fail("the gzip file is truncated", str(path), "a complete gzip file",
              "copy or download it again and check it with `gzip -t`")  # fmt: skip
    except (gzip.BadGzipFile, zlib.error) as error:
        fail(f"the gzip file is damaged: {error}", str(path), "a gzip file",
              "copy or download it again, or remove `.gz` from its name if it is not compressed")  # fmt: skip


def _unpacked(data: bytes, path: Path) -> bytes:
    """Content of gzip data, in blocks: a few megabytes can unpack to all of a machine's memory."""
    blocks, size = [], 0
    with gzip.open(io.BytesIO(data)) as packed:
        while block := packed.read(_BLOCK):
            blocks.append(block)
            size += len(block)
            if size > max(_MOST_UNPACKED, _MOST_TIMES * len(data)):
                fail(f"the gzip file unpacks to more than {size >> 20:,} MiB from "
                     f"{len(data) >> 20:,} MiB", str(path),
                     f"a file of text, which gzip compresses less than {_MOST_TIMES} times",
                     "check its content (`zcat FILE | head`), or unpack it if it is meant so")  # fmt: skip
    return b"".join(blocks)


def _decode(data: bytes, path: Path) -> str:
    try:
        return data.decode("utf-8-sig")  # spreadsheet programs put a byte-order mark first
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        fail(f"byte 0x{error.object[error.start]:02x} is not UTF-8", f"{path}, line {line}",
              "text in UTF-8", "convert it to UTF-8, e.g. with `iconv -f latin1 -t utf-8`")  # fmt: skip


def _json_rows(text: str, path: Path) -> RawTable:
    """Rows of JSON lines, or of one array of objects."""
    array = text.lstrip().startswith("[")
    unit = "entry" if array else "line"
    rows: list[dict[str, Any]] = []
    numbers: list[int] = []
    for number, row in _array(text, path) if array else _lines(text, path):
        if not isinstance(row, dict):
            fail(f"the {unit} is not a JSON object: {row!r:.40}", f"{path}, {unit} {number}",
                 "JSON objects, one per line or in one array", f"fix or remove this {unit}")  # fmt: skip
        rows.append(row)
        numbers.append(number)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return RawTable(str(path), unit, numbers, columns, lambda name: [row.get(name) for row in rows])


def _array(text: str, path: Path) -> Iterator[tuple[int, Any]]:
    try:
        entries = _decoder().decode(text)
    except _DoubledKey as error:
        fail(str(error), str(path), "distinct keys in every object", "remove one of them")
    except (ValueError, RecursionError) as error:
        line = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        fail(f"the array is not JSON: {error}", f"{path}{line}", "one array of JSON objects",
             "fix this place, or write one JSON object per line")  # fmt: skip
    yield from enumerate(entries, start=1)


def _lines(text: str, path: Path) -> Iterator[tuple[int, Any]]:
    decode = _decoder().decode
    # Not splitlines(): texts may contain other characters that Python treats as line ends.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line or line.isspace():
            continue
        try:
            row = decode(line)
        except _DoubledKey as error:
            fail(str(error), f"{path}, line {number}", "distinct keys in every object",
                 "remove one of them")  # fmt: skip
        except (ValueError, RecursionError) as error:
            fail(f"the line is not JSON: {error}", f"{path}, line {number}",
                 "one JSON object per line", "fix or remove this line")  # fmt: skip
        yield number, row


class _DoubledKey(ValueError):
    """A key occurs twice in one JSON object, so that one of its values would be lost."""


def _decoder() -> json.JSONDecoder:
    # pandas writes a missing value as NaN.
    return json.JSONDecoder(
        object_pairs_hook=_distinct,
        parse_constant=lambda name: None if name == "NaN" else float(name),
    )


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        doubled = next(key for key in keys if keys.count(key) > 1)
        raise _DoubledKey(f"the key '{doubled}' occurs twice in an object")
    return found


def _csv(text: str, path: Path) -> RawTable:
    csv.field_size_limit(_LONGEST_CSV_FIELD)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] = []
    rows: list[list[str]] = []
    numbers: list[int] = []
    line = 1  # where the row begins: a quoted field may contain line ends
    try:
        for row in reader:
            if row and not header:
                header = row
            elif row:
                if len(row) != len(header):
                    fail(f"the row has {len(row)} fields, but the header has {len(header)}",
                          f"{path}, line {line}", "comma-separated fields, quoted by \"",
                          "quote texts that contain commas, quotes or line ends")  # fmt: skip
                rows.append(row)
                numbers.append(line)
            line = reader.line_num + 1
    except csv.Error as error:
        fail(f"the row is not CSV: {error}", f"{path}, line {line}",
              "comma-separated fields, quoted by \"",
              "close the quotes, and double quotes inside texts")  # fmt: skip
    doubled = sorted({name for name in header if header.count(name) > 1})
    if doubled:
        fail(f"the columns {doubled} occur twice", f"{path}, line 1",
              "distinct column names in the header", "rename or remove a column")  # fmt: skip
    return RawTable(
        str(path),
        "line",
        numbers,
        header,
        lambda name: [row[header.index(name)] for row in rows],
    )


def _parquet(path: Path, data: bytes, key: str) -> RawTable:
    try:
        frame = pl.read_parquet(io.BytesIO(data))
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = (str(error).splitlines() or ["no reason given"])[0]
        fail(f"the file is not Parquet: {reason}", str(path), "a complete Parquet file",
              f"copy or write it again, or set `{key}.path` to another file")  # fmt: skip
    numbers = range(1, frame.height + 1)
    return RawTable(str(path), "row", numbers, frame.columns, lambda name: frame[name].to_list())


def _empty(path: Path, key: str) -> NoReturn:
    fail("the file has no rows", str(path), "at least one row",
          f"write the file again, or set `{key}.path` to another file")  # fmt: skip


def fail(what: str, where: str, expected: str, remedy: str) -> NoReturn:
    """Stop with an error about a user's file."""
    raise UserError(what=what, where=where, expected=expected, remedy=remedy) from None
