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
    p_value,
    rounded_alike,
    shown_unit,
    transformed,
)
from manybaskets.statistics.multiplicity import holm
from manybaskets.statistics.student import p_two_sided, t_two_sided
from manybaskets.statistics.verdict import DIFFERENT, INTERVAL_ONLY, verdict

Members = Mapping[str, Sequence[str]]  # sources by mix, as `Study.count_members` gives them
_GROUP = ["measure", "prompt_set", "model"]
_ROWS = {"count": pl.Int64, "mix": pl.String, "sources": pl.String, "measure": pl.String,
         "label": pl.String, "unit": pl.String, "prompt_set": pl.String, "model": pl.String,
         "value": pl.Float64, "low": pl.Float64, "high": pl.Float64, "n_prompts": pl.Int64,
         "n_excluded": pl.Int64, "n_seeds": pl.Int64}  # fmt: skip
_TRENDS = {"measure": pl.String, "label": pl.String, "scale": pl.String, "unit": pl.String,
           "prompt_set": pl.String, "model": pl.String, "value": pl.Float64, "low": pl.Float64,
           "high": pl.Float64, "p": pl.Float64, "p_holm": pl.Float64, "verdict": pl.String,
           "n_mixes": pl.Int64, "n_counts": pl.Int64}  # fmt: skip


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
    No interval and no test for fewer than three mixes or where they lie on a line. Holm's correction
    covers all trends of the family.
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
        degrees = len(counts) - 2
        low, high = _t_interval(slope, error, degrees, confidence)
        numbers = [transformed(value, measure.transform) for value in (slope, low, high)]
        ratio = measure.transform == "exp"
        p = None if error is None else p_two_sided(slope / error, degrees)
        rows.append([name, measure.label, "ratio" if ratio else "difference",
                     "×" if ratio else measure.unit, prompt_set, model, *numbers, p, None, None,
                     len(counts), len(np.unique(counts))])  # fmt: skip
    return _corrected(pl.DataFrame(rows, schema=_TRENDS, orient="row"))


def _corrected(trends: pl.DataFrame) -> pl.DataFrame:
    """Trends with Holm's p over all that were tested, and their verdicts."""
    tested = [p for p in trends["p"] if p is not None]
    corrected = iter(holm(tested))
    p_holm = [None if p is None else float(next(corrected)) for p in trends["p"]]
    found = [
        verdict(row["low"], row["high"], p, equal=_equal(row))
        for row, p in zip(trends.iter_rows(named=True), p_holm, strict=True)
    ]
    return trends.with_columns(
        pl.Series("p_holm", p_holm, dtype=pl.Float64), pl.Series("verdict", found, dtype=pl.String)
    )


def _equal(row: Mapping[str, Any]) -> float:
    return 1.0 if row["scale"] == "ratio" else 0.0


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
    """One sentence per decided trend, then how many there are, and how many chance explains."""
    several = trends["model"].n_unique() > 1
    decided = trends.filter(pl.col("verdict") == DIFFERENT)
    sentences = [
        _sentence(row, family, confidence, several) for row in decided.iter_rows(named=True)
    ]
    tested = trends["p"].count()
    if not tested:
        return [*sentences, f"Number of sources (family `{family}`): no trend has an interval."]
    only = trends.filter(pl.col("verdict") == INTERVAL_ONLY).height
    chance = number(tested * (1 - confidence), 2)
    sentences.append(
        f"Number of sources (family `{family}`): {decided.height} of {tested} trends are "
        f"distinguished from no change after Holm's correction; {only} more have an interval that "
        f"excludes no change, where chance alone gives about {chance} of {tested}."
    )
    return sentences


def _sentence(row: Mapping[str, Any], family: str, confidence: float, several: bool) -> str:
    target = f", target {row['model']}" if several else ""
    value, low, high = rounded_alike([row["value"], row["low"], row["high"]])
    ratio = row["scale"] == "ratio"
    unit = "" if ratio else f" {row['unit']}"
    p = p_value(row["p_holm"], decimals=3)
    return (
        f"{row['label']} on `{row['prompt_set']}`{target}: more sources go with "
        f"{'higher' if row['low'] > _equal(row) else 'lower'} values ({'ratio' if ratio else 'change'} "
        f"per additional source {value}{unit}, {confidence * 100:g} % interval {low} to {high}, "
        f"Holm p {p.replace('<', '< ') if p.startswith('<') else f'= {p}'}; regression over "
        f"{row['n_mixes']} mixes of family `{family}`)."
    )
