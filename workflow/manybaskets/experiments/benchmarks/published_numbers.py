"""Published scores and averages against those recomputed from the results."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.experiments.benchmarks.score_book import ScoreBook
from manybaskets.experiments.benchmarks.score_estimates import normal_quantile, value_of

PUBLISHED = pl.Schema(
    {
        "table": pl.String,
        "row": pl.String,
        "column": pl.String,
        "model": pl.String,
        "score": pl.String,  # benchmark or average that the column is by definition
        "reported": pl.Float64,
        "recomputed": pl.Float64,
        "difference": pl.Float64,
        "holds": pl.Boolean,  # equal to the reported digits
        "equals": pl.String,  # another average that equals the reported number
    }
)
ORDERS = pl.Schema(
    {
        "table": pl.String,
        "column": pl.String,
        "score": pl.String,
        "pairs": pl.Int64,  # of rows with different reported numbers
        "reversed": pl.Int64,  # pairs whose recomputed numbers are in the opposite order
        "largest": pl.String,  # the reversed pair with the largest recomputed difference
    }
)
HALF_WIDTH = "_ci95"  # ending of columns with the half-width of a 95 % interval
_ROUNDING = 1e-9


def load_published(path: Path) -> dict[tuple[str, str, str], str]:
    """Published numbers as text, by table, row and column; derived numbers are left out."""
    with open(path, encoding="utf-8", newline="") as handle:
        return {
            (row["table"], row["row"], row["column"]): row["value"]
            for row in csv.DictReader(handle)
            if row["note"].startswith("published") and row["value"] != "NA"
        }


def published_table(
    books: Mapping[str, ScoreBook], numbers: Mapping[tuple[str, str, str], str]
) -> pl.DataFrame:
    """Reported against recomputed numbers of the tables in the config (schema `PUBLISHED`).

    A number holds if the recomputed one differs by at most half a unit of its last digit.
    """
    section = next(iter(books.values())).section
    book = books[section.results_of(section.published.results)]
    rows: list[dict[str, Any]] = []
    for table, chosen in section.published.tables.items():
        for row, model in chosen.rows.items():
            for column, name in chosen.columns.items():
                estimate = value_of(book, section, model, name)
                found = {
                    column: None if estimate is None else estimate.value,
                    f"{column}{HALF_WIDTH}": None
                    if estimate is None or estimate.se is None
                    else normal_quantile(0.95) * estimate.se,
                }
                for shown, recomputed in found.items():
                    text = numbers.get((table, row, shown))
                    if text is None or recomputed is None:
                        continue
                    same = {
                        other: value.value
                        for other in section.averages
                        if other != name and (value := value_of(book, section, model, other))
                    }
                    holds = _equal(text, recomputed)
                    equal = [] if holds else [key for key, v in same.items() if _equal(text, v)]
                    rows.append(
                        {
                            "table": table,
                            "row": row,
                            "column": shown,
                            "model": model,
                            "score": name,
                            "reported": float(text),
                            "recomputed": recomputed,
                            "difference": recomputed - float(text),
                            "holds": holds,
                            "equals": ", ".join(equal) or None,
                        }
                    )
    return pl.DataFrame(rows, schema=PUBLISHED)


def order_table(published: pl.DataFrame) -> pl.DataFrame:
    """Whether the order of rows holds, by table and column (schema `ORDERS`).

    A statement such as "truncation helps" is the order of two rows.
    """
    rows = []
    whole = published.filter(~pl.col("column").str.ends_with(HALF_WIDTH))
    keys = ["table", "column", "score"]
    for key, group in whole.group_by(keys, maintain_order=True):
        pairs, reverse = 0, []
        for one, two in combinations(group.to_dicts(), 2):
            reported = one["reported"] - two["reported"]
            recomputed = one["recomputed"] - two["recomputed"]
            pairs += reported != 0
            if reported * recomputed < 0:
                above, below = (one, two) if reported > 0 else (two, one)
                reverse.append((abs(recomputed), f"{above['row']} above {below['row']}"))
        rows.append(
            dict(zip(keys, key, strict=True))
            | {"pairs": pairs, "reversed": len(reverse)}
            | {"largest": max(reverse)[1] if reverse else None}
        )
    return pl.DataFrame(rows, schema=ORDERS)


def _equal(text: str, value: float) -> bool:
    decimals = len(text.partition(".")[2])
    return abs(float(text) - value) <= 0.5 * 10**-decimals + _ROUNDING
