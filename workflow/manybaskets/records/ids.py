"""Identifiers and seeds of rows, derived from their content."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import polars as pl


def digest(*values: Any) -> str:
    """Hex digest of JSON-serialisable values: equal values give the same 64 characters everywhere."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def row_seed(*values: Any) -> int:
    """A 63-bit seed from e.g. (study seed, prompt id, source, sample)."""
    return int(digest(*values)[:16], 16) >> 1


def prompt_ids(rows: pl.DataFrame) -> pl.Series:
    """Stable prompt ids from the text and, for repeated texts, the occurrence number.

    The text of a conversation is everything its user says (column `follow_ups`, if present).
    Occurrences are numbered in the order of their answers (columns `response` and
    `follow_up_responses`, if present), so that row order has no effect.
    """

    def column(name: str) -> list[Any]:
        return rows[name].to_list() if name in rows.columns else [None] * rows.height

    answers = list(zip(column("response"), column("follow_up_responses"), strict=True))
    texts = [
        digest(instruction, context, *([later] if later else []))[:16]
        for instruction, context, later in zip(
            rows["instruction"], rows["context"], column("follow_ups"), strict=True
        )
    ]
    order = sorted(range(rows.height), key=lambda index: (texts[index], answers[index]))
    ids, count, previous = [""] * rows.height, 0, None
    for index in order:
        count = count + 1 if texts[index] == previous else 0
        previous = texts[index]
        ids[index] = f"{texts[index]}-{count}"
    return pl.Series("prompt_id", ids)
