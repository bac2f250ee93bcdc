"""Shared parts of source and mix cards: template, header, lengths and rows."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from manybaskets.cards.markdown import block, code
from manybaskets.cards.origins import PROJECT_LICENCE, Origin
from manybaskets.presentation.formatting import number
from manybaskets.records.resources import library_folder
from manybaskets.records.writing import whole_file

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS_AT_A_TIME = 10_000
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def _write_rows(tables: Iterable[pl.DataFrame], schema: pl.Schema, path: Path) -> None:
    """Write Parquet with Arrow's plain types: trainers join such rows with other datasets, which
    the large types of data frames do not allow."""
    import pyarrow.parquet as pq

    plain = _plain(schema)
    with whole_file(path) as partial, pq.ParquetWriter(partial, plain, compression="zstd") as file:
        for table in tables:
            file.write_table(table.to_arrow().cast(plain))


def _plain(schema: pl.Schema) -> pa.Schema:
    import pyarrow as pa

    def plain(kind: pa.DataType) -> pa.DataType:
        if pa.types.is_large_string(kind):
            return pa.string()
        if pa.types.is_large_list(kind):
            return pa.list_(plain(kind.value_type))
        if pa.types.is_struct(kind):
            return pa.struct([field.with_type(plain(field.type)) for field in kind])
        return kind

    arrow_schema = pl.DataFrame(schema=schema).to_arrow().schema
    return pa.schema([field.with_type(plain(field.type)) for field in arrow_schema])


def _words(texts: pl.Series) -> pl.Series:
    return pl.Series([len(text.split()) for text in texts.drop_nulls()], dtype=pl.Int64)


def _header(
    title: str,
    origins: Sequence[Origin],
    dataset: Mapping[str, Any],
    rows: int,
    files: Mapping[str, str],
) -> str:
    """The card's metadata as YAML, without unknown values."""
    embedded_origins = dataset["kind"] == "embedded" and all(origin.own for origin in origins)
    known_languages = all(origin.languages for origin in origins)
    languages = sorted({each for origin in origins for each in origin.languages or ()})
    synthetic = any(origin.synthetic for origin in origins)
    data_files = [{"split": split, "path": file} for split, file in files.items()]
    values = {
        "pretty_name": title,
        "language": languages if known_languages else None,
        "license": PROJECT_LICENCE if embedded_origins else "other",
        "license_name": None if embedded_origins else "see-the-notes-on-licences",
        "task_categories": ["text-generation"],
        "size_categories": [size_category(rows)],
        "source_datasets": [dataset["repo"]] if dataset["kind"] == "hub" else None,
        "tags": ["many-baskets", "instruction-tuning", *(["synthetic"] if synthetic else [])],
        "configs": [{"config_name": "default", "data_files": data_files}],
    }
    kept = {key: value for key, value in values.items() if value is not None}
    return yaml.safe_dump(kept, sort_keys=False, allow_unicode=True).strip()


def size_category(rows: int) -> str:
    """The Hub's size category of a number of rows."""
    bounds = ["1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B", "100B", "1T"]
    index = next((i for i in range(len(bounds)) if rows < 1000 * 10**i), len(bounds))
    if index == 0:
        return f"n<{bounds[0]}"
    return f"{bounds[index - 1]}<n<{bounds[index]}" if index < len(bounds) else f"n>{bounds[-1]}"


def _total(tokens: pl.Series) -> int | None:
    defined = tokens.drop_nulls()
    return int(defined.cast(pl.Int64).sum()) if defined.len() else None


def _lengths(values: Mapping[str, pl.Series]) -> list[tuple[str, list[str]]]:
    """Mean and quantiles of each counted length, as text."""
    table = []
    for name, lengths in values.items():
        defined = lengths.drop_nulls()
        if defined.len():
            quantiles = (defined.quantile(each, "linear") for each in _QUANTILES)
            cells = [defined.mean(), *quantiles, defined.max()]
            table.append((name, [number(cell) for cell in cells]))
    return table


def _template(name: str) -> Any:
    # Cards are Markdown: external text is quoted by the filters instead of HTML escaping.
    environment = Environment(
        loader=FileSystemLoader(library_folder() / "cards"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"code": code, "block": block, "number": number, "shell": shlex.quote}
    return environment.get_template(name)
