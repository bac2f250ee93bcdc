"""Read requests and jailbreak templates; errors of this module quote no text."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import polars as pl

from manybaskets.config.robustness import BenignFile, RequestFile, TemplateFile
from manybaskets.data.raw_tables import RawTable, read_table
from manybaskets.errors import UserError

REQUESTS = pl.Schema({"request": pl.String, "category": pl.String})
TEMPLATES = pl.Schema({"template": pl.String, "votes": pl.Int64, "row": pl.Int64})


def read_requests(settings: RequestFile | BenignFile, key: str) -> pl.DataFrame:
    """Read a file of requests, in its order, with the columns of `REQUESTS`.

    A `.json` file may be one object `{category: [requests]}`; otherwise every row has its own
    columns. Without a category column all requests have the category `all`.

    Args:
        key: path of the config section that names the file.

    Raises:
        UserError: the file or number of rows differs from the config, a column does not exist, or a
            row has no request or category.
    """
    path = Path(settings.path)
    _check_digest(path, settings.sha256, key)
    by_category = _categories(path)
    if by_category is not None:
        rows = _of_categories(by_category, path)
    else:
        rows = _of_columns(read_table(path, key), settings, key)
    _check_count(len(rows), settings.rows, path, key)
    return pl.DataFrame(rows, schema=REQUESTS, orient="row")


def read_templates(settings: TemplateFile, key: str) -> pl.DataFrame:
    """Read a file of templates, in its order, with the columns of `TEMPLATES`.

    `row` is the line or row in the file; `votes` is null if the file has no such column.

    Raises:
        UserError: the file or number of rows differs from the config, a column does not exist, or
            votes are not numbers.
    """
    path = Path(settings.path)
    _check_digest(path, settings.sha256, key)
    table = read_table(path, key)
    _check_count(len(table.numbers), settings.rows, path, key)
    texts = _texts(table, settings.prompt, f"{key}.prompt")
    votes: list[int | None] = [None] * len(texts)
    if settings.votes:
        votes = _numbers(table, settings.votes, f"{key}.votes")
    rows = list(zip(texts, votes, table.numbers, strict=True))
    return pl.DataFrame(rows, schema=TEMPLATES, orient="row")


def _check_digest(path: Path, expected: str | None, key: str) -> None:
    if not path.is_file():
        _fail("the file does not exist", str(path), "the file named in the config",
              f"fetch it as described in docs/robustness.md, or set `{key}.path` to an existing "
              "file")  # fmt: skip
    if expected is None:
        return
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != expected:
        _fail(f"the file has SHA-256 {found}", str(path), f"{expected} ({key}.sha256)",
              f"fetch the file again, or, if this file is intended, set `{key}.sha256` to its "
              "SHA-256")  # fmt: skip


def _check_count(found: int, expected: int | None, path: Path, key: str) -> None:
    if expected is not None and found != expected:
        _fail(f"the file has {found} rows", str(path), f"{expected} ({key}.rows)",
              f"fetch the file again, or, if this file is intended, set `{key}.rows` to its "
              "number of rows")  # fmt: skip


def _categories(path: Path) -> dict[str, Any] | None:
    """The object of a file `{category: [requests]}`; None for any other file."""
    name = path.name.lower().removesuffix(".gz")
    if not name.endswith(".json"):
        return None
    try:
        data = path.read_bytes()
        text = gzip.decompress(data) if path.suffix.lower() == ".gz" else data
        value = json.loads(text)
    except (OSError, ValueError, EOFError):
        return None  # possibly one object per line; the table reader reports errors
    return value if isinstance(value, dict) and list in map(type, value.values()) else None


def _of_categories(found: dict[str, Any], path: Path) -> list[tuple[str, str]]:
    rows = []
    for category, requests in found.items():
        if not isinstance(requests, list):
            _fail(f"category '{category}' contains {type(requests).__name__} instead of a list", str(path),
                  "{category: [requests]}", "fix the file, or use a file with one request per row")  # fmt: skip
        for number, request in enumerate(requests, start=1):
            where = f"{path}, category '{category}', entry {number}"
            if not isinstance(request, str):
                _fail(f"the request is {type(request).__name__} instead of text", where,
                      "a text", "fix or remove the entry")  # fmt: skip
            if not request.strip():
                _fail("the request is empty", where, "a text", "fix or remove the entry")
            if not category.strip():
                _fail("the category is empty", where, "a name", "name the category")
            rows.append((request.strip(), category.strip()))
    return rows


def _of_columns(
    table: RawTable, settings: RequestFile | BenignFile, key: str
) -> list[tuple[str, str]]:
    requests = _texts(table, settings.prompt, f"{key}.prompt")
    _all_there(table, requests, "request", settings.prompt)
    categories = ["all"] * len(requests)
    if settings.category:
        categories = _texts(table, settings.category, f"{key}.category")
        _all_there(table, categories, "category", settings.category)
    return list(zip(requests, categories, strict=True))


def _texts(table: RawTable, column: str, key: str) -> list[str]:
    if column not in table.columns:
        _fail(f"there is no column '{column}'", table.where,
              f"one of the columns found: {', '.join(table.columns)}", f"set `{key}` to an "
              "existing column")  # fmt: skip
    texts = []
    for index, value in enumerate(table.values(column)):
        if value is not None and not isinstance(value, str):
            _fail(f"column '{column}' contains {type(value).__name__} instead of text",
                  table.place(index), "text in every row", f"fix the row, or set `{key}` to a "
                  "text column")  # fmt: skip
        texts.append((value or "").strip())
    return texts


def _all_there(table: RawTable, texts: Sequence[str], name: str, column: str) -> None:
    empty = [index for index, text in enumerate(texts) if not text]
    if empty:
        _fail(f"{len(empty)} rows have no {name}", table.place(empty[0]),
              f"a text in column '{column}' of every row", "fix or remove these rows")  # fmt: skip


def _numbers(table: RawTable, column: str, key: str) -> list[int]:
    if column not in table.columns:
        _fail(f"there is no column '{column}'", table.where,
              f"one of the columns found: {', '.join(table.columns)}",
              f"set `{key}` to an existing column, or to null to use all templates")  # fmt: skip
    numbers = []
    for index, value in enumerate(table.values(column)):
        try:
            numbers.append(int(value))
        except (TypeError, ValueError):
            _fail(f"column '{column}' contains a value that is not a whole number", table.place(index),
                  "a number in every row", f"fix the row, or set `{key}` to null")  # fmt: skip
    return numbers


def _fail(what: str, where: str, expected: str, remedy: str) -> NoReturn:
    raise UserError(what=what, where=where, expected=expected, remedy=remedy) from None
