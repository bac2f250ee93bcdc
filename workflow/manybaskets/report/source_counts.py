"""What the number of sources does, the number of rows being the same: a table and its trend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from manybaskets.presentation.formatting import (
    Lookup,
    measure_lookup,
    number,
    rounded_alike,
    shown_unit,
    transformed,
)
from manybaskets.statistics.student import t_two_sided

Members = Mapping[str, Sequence[str]]  # sources by mix, as `Study.count_members` gives them
_GROUP = ["measure", "prompt_set", "model"]
_ROWS = {"count": pl.Int64, "mix": pl.String, "sources": pl.String, "measure": pl.String,
         "label": pl.String, "unit": pl.String, "prompt_set": pl.String, "model": pl.String,
         "value": pl.Float64, "low": pl.Float64, "high": pl.Float64, "n_prompts": pl.Int64,
         "n_excluded": pl.Int64, "n_seeds": pl.Int64}  # fmt: skip
_TRENDS = {"measure": pl.String, "label": pl.String, "scale": pl.String, "unit": pl.String,
           "prompt_set": pl.String, "model": pl.String, "value": pl.Float64, "low": pl.Float64,
           "high": pl.Float64, "n_mixes": pl.Int64, "n_counts": pl.Int64}  # fmt: skip


def source_count_table(
    summary: pl.DataFrame, members: Members, lookup: Lookup | None = None
) -> pl.DataFrame:
    """One row per measure, prompt set, target and mix of a family, with its number of sources."""
    find = measure_lookup(lookup)
    index_of = {mix: index for index, mix in enumerate(members)}
    rows = []
    for row in summary.filter(pl.col("mix").is_in(list(members))).iter_rows(named=True):
        measure = find(row["measure"])
        ends = {"value": row["estimate"], "low": row["low"], "high": row["high"]}
        numbers = {key: transformed(value, measure.transform) for key, value in ends.items()}
        sources = members[row["mix"]]
        cells = {"count": len(sources), "sources": " + ".join(sources), "label": measure.label,
                 "unit": shown_unit(measure), **numbers}  # fmt: skip
        rows.append({name: cells[name] if name in cells else row[name] for name in _ROWS})
    order = pl.col("mix").replace_strict(index_of, return_dtype=pl.Int64)
    table = pl.DataFrame(rows, schema=_ROWS)
    first = {
        key: i for i, key in enumerate(table.select(_GROUP).unique(maintain_order=True).rows())
    }
    table = table.with_columns(
        group=pl.Series([first[key] for key in table.select(_GROUP).rows()], dtype=pl.Int64),
        order=order,
    )
    return table.sort("group", "count", "order").drop("group", "order")


def source_count_trends(
    summary: pl.DataFrame, members: Members, confidence: float, lookup: Lookup | None = None
) -> pl.DataFrame:
    """Change per additional source: the slope of the mixes' estimates over their numbers of sources.

    Ordinary least squares over the mixes, with a t interval of (mixes − 2) degrees of freedom: the
    mixes are the sample, so the interval says how sure the change is for other sources of this kind,
    and it is wide where there are few. Mixes share sources and are therefore not independent, which
    the interval does not know. Perplexities: the slope of the logarithm, shown as a ratio per source.
    No interval for fewer than three mixes or where they lie on a line.
    """
    find = measure_lookup(lookup)
    rows = []
    defined = summary.filter(pl.col("mix").is_in(list(members)), pl.col("estimate").is_not_null())
    for (name, prompt_set, model), group in defined.group_by(_GROUP, maintain_order=True):
        measure, group = find(name), group.sort("mix")
        counts = np.array([len(members[mix]) for mix in group["mix"]], dtype=np.float64)
        slope, error = _slope(counts, group["estimate"].to_numpy())
        if slope is None:
            continue
        low, high = _t_interval(slope, error, len(counts) - 2, confidence)
        numbers = [transformed(value, measure.transform) for value in (slope, low, high)]
        ratio = measure.transform == "exp"
        rows.append([name, measure.label, "ratio" if ratio else "difference",
                     "×" if ratio else measure.unit, prompt_set, model, *numbers, len(counts),
                     len(np.unique(counts))])  # fmt: skip
    return pl.DataFrame(rows, schema=_TRENDS, orient="row")


def _slope(x: np.ndarray, y: np.ndarray) -> tuple[float | None, float | None]:
    """Slope of a line through points, and its standard error; None where there is none."""
    centred = x - x.mean()
    spread = float(centred @ centred)
    if not spread:
        return None, None
    slope = float(centred @ y / spread)
    rounding = 1e-12 * float(np.abs(y).max())
    if abs(slope) <= rounding:
        slope = 0.0
    if len(x) < 3:
        return slope, None
    left = y - y.mean() - slope * centred
    error = float(np.sqrt(left @ left / (len(x) - 2) / spread))
    return slope, error if error > rounding else None


def _t_interval(
    value: float, error: float | None, degrees: int, confidence: float
) -> tuple[float | None, float | None]:
    if error is None:
        return None, None
    half = error * t_two_sided(confidence, degrees)
    return value - half, value + half


def source_count_findings(trends: pl.DataFrame, family: str, confidence: float) -> list[str]:
    """One sentence per measure and target: what an additional source changes, as far as is known."""
    several = trends["model"].n_unique() > 1
    return [_sentence(row, family, confidence, several) for row in trends.iter_rows(named=True)]


def _sentence(row: Mapping[str, Any], family: str, confidence: float, several: bool) -> str:
    head = f"{row['label']} on `{row['prompt_set']}`" + (
        f", target {row['model']}" if several else ""
    )
    ratio = row["scale"] == "ratio"
    unit = "" if ratio else f" {row['unit']}"
    n = f"regression over {row['n_mixes']} mixes of family `{family}`"
    if row["low"] is None:
        slope = f"{number(row['value'])}{unit}"
        return f"{head}: each additional source changes it by {slope}; no interval ({n})."
    value, low, high = rounded_alike([row["value"], row["low"], row["high"]])
    alike = 1.0 if ratio else 0.0
    side = "higher" if row["low"] > alike else "lower" if row["high"] < alike else ""
    trend = f"more sources go with {side} values" if side else "no trend was found"
    kind = "ratio" if ratio else "change"
    return (
        f"{head}: {trend} ({kind} per additional source {value}{unit}, {confidence * 100:g} % "
        f"interval {low} to {high}; {n})."
    )
