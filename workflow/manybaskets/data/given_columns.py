"""Check the columns of the user's files before a run; only as much of a file is read as it takes."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from manybaskets.errors import UserError, did_you_mean
from manybaskets.names import HUMAN

if TYPE_CHECKING:
    from manybaskets.config.sections import Fields
    from manybaskets.config.study import Study
    from manybaskets.layout import StageFiles

PROMPT_ID = "prompt_id"
Wanted = Mapping[str, str | None]  # column by config key; null if there is none


def check_given_columns(study: Study, stages: Iterable[StageFiles] = ()) -> None:
    """Check that the user's files have the columns that the config names.

    What a job would report better (a missing, damaged or empty file) is left to it.

    Args:
        stages: the files of the study's experiments.

    Raises:
        UserError: the first column that does not exist, with the columns that do.
    """
    of_stages = (
        (key, path, columns, None)
        for stage in stages
        for key, (path, columns) in stage.given_columns().items()
    )
    for key, path, wanted, instead in chain(_expectations(study), of_stages):
        enough = [set(filter(None, wanted.values()))]
        if instead:
            enough.append({PROMPT_ID, *filter(None, instead.values())})
        found = _columns(Path(path), enough)
        if not found:
            continue
        checked = instead if instead and PROMPT_ID in found else wanted
        for field, column in checked.items():
            if column is not None and column not in found:
                raise UserError(
                    what=f"there is no column '{column}'{did_you_mean(column, found)}",
                    where=f"{key}.path: {path}",
                    expected=f"one of the columns found: {', '.join(found)}",
                    remedy=f"set `{key}.{field}` to an existing column",
                )


def _expectations(study: Study) -> Iterator[tuple[str, str, Wanted, Wanted | None]]:
    """Key, path and columns of every file; the last are those of a file with prompt ids, which
    needs no texts."""
    if study.dataset and study.dataset.kind == "file":
        fields = study.dataset.fields
        more = {} if fields.messages else {"fields.response": fields.response}
        yield (
            "dataset",
            study.dataset.path,
            _questions(fields) | more | {"fields.category": fields.category},
            None,
        )
    for name, prompts in study.prompt_sets.items():
        if prompts.kind == "file":
            yield f"prompt_sets.{name}", prompts.path, _questions(prompts.fields), None
    for name in study.used_sources():
        engine = None if name == HUMAN else study.sources[name].engine
        if engine is None or engine.kind != "replay" or not engine.path:
            continue
        answers = (
            {"fields.messages": engine.fields.messages}
            if engine.fields.messages
            else {"fields.response": engine.fields.response}
        )
        yield f"sources.{name}.engine", engine.path, _questions(engine.fields) | answers, answers


def _questions(fields: Fields) -> dict[str, str | None]:
    if fields.messages:
        return {"fields.messages": fields.messages}
    return {"fields.instruction": fields.instruction, "fields.context": fields.context}


def _columns(path: Path, enough: Sequence[Set[str]]) -> list[str]:
    """Columns of a file, or of its beginning that has all of one set; empty if it cannot be read."""
    name = path.name.lower().removesuffix(".gz")
    try:
        if name.endswith(".parquet"):
            return list(pl.read_parquet_schema(path))
        if name.endswith((".csv", ".jsonl", ".ndjson", ".json")):
            opened = gzip.open if path.suffix.lower() == ".gz" else open
            with opened(path, "rb") as binary, io.TextIOWrapper(binary, "utf-8-sig") as lines:
                return _header(lines) if name.endswith(".csv") else _keys(lines, enough)
    except (OSError, EOFError, ValueError, csv.Error, pl.exceptions.PolarsError):
        return []
    return []


def _header(lines: io.TextIOWrapper) -> list[str]:
    return next((row for row in csv.reader(lines) if row), [])


def _keys(lines: io.TextIOWrapper, enough: Sequence[Set[str]]) -> list[str]:
    """Keys of JSON lines; rows may leave out keys. Empty for other JSON, such as a whole array."""
    keys: dict[str, None] = {}
    for line in lines:
        if not line.strip():
            continue
        row = json.loads(line)
        if not isinstance(row, dict):
            return []
        keys |= dict.fromkeys(row)
        if any(keys.keys() >= each for each in enough):
            break
    return list(keys)
