"""Designs over training data: base models × sources, numbers of rows, and blends of sources."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from manybaskets.experiments.benchmarks.score_book import ScoreBook
from manybaskets.experiments.benchmarks.score_estimates import ScoreEstimate, value_of

GRID = pl.Schema(
    {
        "grid": pl.String,
        "base": pl.String,
        "source": pl.String,
        "same_family": pl.Boolean,
        "model": pl.String,
        "average": pl.String,
        "value": pl.Float64,
        "se": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
    }
)
FAMILIES = pl.Schema(
    {
        "grid": pl.String,
        "base": pl.String,
        "average": pl.String,
        "same": pl.Float64,  # mean over the sources of the same family
        "other": pl.Float64,
        "difference": pl.Float64,
        "se": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
    }
)
SCALING = pl.Schema(
    {
        "scaling": pl.String,
        "base": pl.String,
        "source": pl.String,
        "score": pl.String,  # a benchmark or an average
        "model": pl.String,
        "rows": pl.Int64,
        "value": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
    }
)
TRENDS = pl.Schema(
    {
        "scaling": pl.String,
        "base": pl.String,
        "source": pl.String,
        "score": pl.String,
        "per_doubling": pl.Float64,  # change of the score per doubling of the rows
        "low": pl.Float64,
        "high": pl.Float64,
        "n": pl.Int64,  # numbers of rows
    }
)
BLENDS = pl.Schema(
    {
        "blend": pl.String,
        "average": pl.String,
        "value": pl.Float64,
        "components": pl.Float64,  # mean of the components
        "best_component": pl.Float64,
        "difference": pl.Float64,  # blend minus the mean of its components
        "se": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
    }
)


def grid_table(books: Mapping[str, ScoreBook], confidence: float) -> pl.DataFrame:
    """Averages by base model and source (schema `GRID`)."""
    section = _section(books)
    rows = []
    for name, grid in section.grids.items():
        book = books[section.results_of(grid.results)]
        for model in grid.models:
            entry = section.models[model]
            same = grid.same_family.get(entry.base)
            for average in grid.averages:
                rows.append(
                    {
                        "grid": name,
                        "base": entry.base,
                        "source": entry.source,
                        "same_family": None if same is None else entry.source in same,
                        "model": model,
                        "average": average,
                        **_shown(value_of(book, section, model, average), confidence),
                    }
                )
    return pl.DataFrame(rows, schema=GRID)


def family_table(grid: pl.DataFrame, confidence: float) -> pl.DataFrame:
    """Sources of the base model's family against others, by base model (schema `FAMILIES`)."""
    rows = []
    keys = ["grid", "base", "average"]
    for (name, base, average), group in grid.group_by(keys, maintain_order=True):
        same = [_estimate(row) for row in group.filter(pl.col("same_family")).to_dicts()]
        other = [_estimate(row) for row in group.filter(~pl.col("same_family")).to_dicts()]
        if not same or not other or None in same or None in other:
            continue
        contrast = mean_estimate(same).minus(mean_estimate(other))
        low, high = contrast.interval(confidence)
        rows.append(
            {
                "grid": name,
                "base": base,
                "average": average,
                "same": mean_estimate(same).value,
                "other": mean_estimate(other).value,
                "difference": contrast.value,
                "se": contrast.se,
                "low": low,
                "high": high,
            }
        )
    return pl.DataFrame(rows, schema=FAMILIES)


def scaling_table(books: Mapping[str, ScoreBook], confidence: float) -> pl.DataFrame:
    """Scores by number of training rows (schema `SCALING`)."""
    section = _section(books)
    rows = []
    for name, curves in section.scaling.items():
        book = books[section.results_of(curves.results)]
        for score in [*curves.averages, *curves.benchmarks]:
            for model in curves.models:
                entry = section.models[model]
                shown = _shown(value_of(book, section, model, score), confidence)
                shown.pop("se")
                rows.append(
                    {
                        "scaling": name,
                        "base": entry.base,
                        "source": entry.source,
                        "score": score,
                        "model": model,
                        "rows": entry.rows,
                        **shown,
                    }
                )
    keys = ["scaling", "score", "base", "source", "rows"]
    return pl.DataFrame(rows, schema=SCALING).sort(keys, maintain_order=True)


def trend_table(scaling: pl.DataFrame, confidence: float) -> pl.DataFrame:
    """Least-squares slope of every curve over log2 of the rows (schema `TRENDS`).

    The interval is Student's, from the residuals: it exists for three numbers of rows or more, and
    says how far the points are from a line, not how uncertain each of them is.
    """
    from scipy.stats import linregress, t

    rows = []
    keys = ["scaling", "base", "source", "score"]
    for key, group in scaling.drop_nulls("value").group_by(keys, maintain_order=True):
        if group["rows"].n_unique() < 2:
            continue
        fitted = linregress(np.log2(group["rows"].to_numpy()), group["value"].to_numpy())
        half = None
        if group.height > 2:
            half = float(t.ppf((1 + confidence) / 2, group.height - 2) * fitted.stderr)
        slope = float(fitted.slope)
        rows.append(
            dict(zip(keys, key, strict=True))
            | {
                "per_doubling": slope,
                "low": None if half is None else slope - half,
                "high": None if half is None else slope + half,
                "n": group.height,
            }
        )
    return pl.DataFrame(rows, schema=TRENDS)


def blend_table(books: Mapping[str, ScoreBook], confidence: float) -> pl.DataFrame:
    """Blends against the mean of their components (schema `BLENDS`)."""
    section = _section(books)
    rows = []
    for name, each in section.blends.items():
        book = books[section.results_of(each.results)]
        for average in each.averages:
            blend = value_of(book, section, each.blend, average)
            components = [
                value_of(book, section, component, average) for component in each.components
            ]
            if blend is None or None in components:
                continue
            contrast = blend.minus(mean_estimate(components))
            low, high = contrast.interval(confidence)
            rows.append(
                {
                    "blend": name,
                    "average": average,
                    "value": blend.value,
                    "components": mean_estimate(components).value,
                    "best_component": max(component.value for component in components),
                    "difference": contrast.value,
                    "se": contrast.se,
                    "low": low,
                    "high": high,
                }
            )
    return pl.DataFrame(rows, schema=BLENDS)


def mean_estimate(estimates: list[ScoreEstimate]) -> ScoreEstimate:
    """Mean of independent estimates."""
    errors = [each.se for each in estimates]
    se = None
    if None not in errors:
        se = math.sqrt(sum(error**2 for error in errors)) / len(errors)
    return ScoreEstimate(sum(each.value for each in estimates) / len(estimates), se)


def _section(books: Mapping[str, ScoreBook]):
    return next(iter(books.values())).section


def _shown(estimate: ScoreEstimate | None, confidence: float) -> dict[str, Any]:
    if estimate is None:
        return dict.fromkeys(("value", "se", "low", "high"))
    low, high = estimate.interval(confidence)
    return {"value": estimate.value, "se": estimate.se, "low": low, "high": high}


def _estimate(row: dict[str, Any]) -> ScoreEstimate | None:
    return None if row["value"] is None else ScoreEstimate(row["value"], row["se"])
