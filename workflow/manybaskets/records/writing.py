"""Atomic file writes, with metadata."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

_METADATA_KEY = "manybaskets"


@contextmanager
def whole_file(path: Path):
    """Yield a temporary path in the same folder; on success it is renamed to `path` atomically."""
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
    """Write Parquet atomically, with `metadata` as JSON in the file's own metadata."""
    text = json.dumps(metadata or {}, sort_keys=True, ensure_ascii=False)
    with whole_file(path) as partial:
        frame.write_parquet(partial, metadata={_METADATA_KEY: text})


def read_metadata(path: Path) -> dict[str, Any]:
    """Metadata that `write_table` put into a Parquet file."""
    return json.loads(pl.read_parquet_metadata(path).get(_METADATA_KEY, "{}"))


def write_json(value: Any, path: Path) -> None:
    """Write JSON atomically."""
    write_text(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n", path)


def write_text(text: str, path: Path) -> None:
    """Write UTF-8 text atomically."""
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")
