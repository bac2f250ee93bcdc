"""Write the embedded dataset: raw rows, and the truth about them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import polars as pl

from manybaskets.records.ids import prompt_ids
from manybaskets.records.writing import write_table, write_text
from manybaskets.world.dataset_rows import make_dataset, make_refused

RAW = ("instruction", "context", "response", "category")


def write_world(
    *,
    rows: int,
    towns: int,
    seed: int,
    refused: Mapping[str, int],
    rows_path: Path,
    truth_path: Path,
) -> None:
    """Write the dataset (JSONL) and the truth about its prompts and the refused requests (Parquet).

    The truth has prompt_id, kind, town, fact, value (what the answer must state), phrasing (of the
    human answer); refused requests have kind `refused` and nothing to state.
    """
    made = [asdict(row) for row in make_dataset(rows, towns, seed)]
    lines = (json.dumps({key: row[key] for key in RAW}, ensure_ascii=False) for row in made)
    write_text("\n".join(lines) + "\n", rows_path)
    frame = pl.DataFrame(made)
    truth = [frame.with_columns(prompt_ids(frame)).select(_TRUTH)]
    if refused:
        asked = pl.DataFrame(make_refused(max(refused.values()), towns, seed))
        nothing = [pl.lit("").alias(name) for name in ("fact", "value", "phrasing")]
        asked = asked.with_columns(prompt_ids(asked), pl.lit("refused").alias("kind"), *nothing)
        truth.append(asked.select(_TRUTH))
    write_table(pl.concat(truth).sort("prompt_id"), truth_path)


_TRUTH = ["prompt_id", "kind", "town", "fact", "value", "phrasing"]
