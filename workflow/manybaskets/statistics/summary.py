"""Estimates of every measure in every condition, with intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from manybaskets.config.analysis import Statistics
from manybaskets.statistics import resampling
from manybaskets.statistics.cells import Key, PromptCell, SetCell, cells, is_binary

SUMMARY = pl.Schema(
    {
        "measure": pl.String,
        "model": pl.String,
        "mix": pl.String,
        "prompt_set": pl.String,
        "estimate": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "n_prompts": pl.Int64,
        "n_excluded": pl.Int64,
        "n_seeds": pl.Int64,
        "seed_sd": pl.Float64,  # null for one seed
        "method": pl.String,
    }
)


def summarise(rows: pl.DataFrame, settings: Statistics, seed: int) -> pl.DataFrame:
    """Estimate every measure in every condition, with an interval; rows in any order.

    A measure per prompt: the mean over prompts with a value in every seed, of the mean over seeds;
    percentile interval of a bootstrap over prompts and seeds. Shares: Wilson's interval for one
    seed, and wherever no resample differs. A measure of a set: the mean over seeds;
    SE² = variance of the half-samples' values (the delete-half jackknife; their level is not used,
    as it depends on the number of prompts) + seed variance / seeds; t interval.

    Args:
        rows: of the schema `records.MEASURED`.
        settings: confidence and numbers of resamples.
        seed: of the resampling.

    Returns:
        One row per measure, model, mix and prompt set, sorted by these (schema `SUMMARY`).
    """
    found = cells(rows)
    binary = binary_measures(found)
    lines = []
    for key in sorted(found):
        cell = found[key]
        if isinstance(cell, PromptCell):
            line = _of_prompts(cell, key, key[0] in binary, settings, seed)
        else:
            line = _of_set(cell, settings)
        name = dict(zip(("measure", "model", "mix", "prompt_set"), key, strict=True))
        lines.append(name | {"n_seeds": len(cell.seeds)} | line)
    return pl.DataFrame(lines, schema=SUMMARY)


def binary_measures(found: dict[Key, PromptCell | SetCell]) -> set[str]:
    """Measures whose values are all 0 or 1."""
    by_measure: dict[str, list[PromptCell]] = {}
    for key, cell in found.items():
        if isinstance(cell, PromptCell):
            by_measure.setdefault(key[0], []).append(cell)
    return {name for name, group in by_measure.items() if is_binary(group)}


def _of_prompts(
    cell: PromptCell, key: Key, binary: bool, settings: Statistics, seed: int
) -> dict[str, Any]:
    values = cell.values[:, cell.valid]
    seeds, prompts = values.shape
    line = {"n_prompts": prompts, "n_excluded": len(cell.prompts) - prompts}
    if prompts == 0:
        return line | {"method": "no prompt with a value in every seed"}
    per_seed = values.mean(axis=1)
    estimate = float(values.mean())
    line |= {"estimate": estimate, "seed_sd": _seed_sd(per_seed)}
    if binary and seeds == 1:
        low, high = resampling.wilson(estimate, prompts, settings.confidence)
        return line | {"low": low, "high": high, "method": "Wilson; one training run"}
    resampled = resampling.bootstrap_means(
        values,
        resampling.prompt_weights(prompts, settings.resamples, seed),
        resampling.seed_weights(seeds, settings.resamples, seed, key[1:3]),
    )
    low, high = resampling.interval(resampled, settings.confidence)
    method = (
        "bootstrap over prompts and seeds"
        if seeds > 1
        else "bootstrap over prompts; one training run"
    )
    if binary and np.ptp(resampled) < 1e-12:
        low, high = resampling.wilson(estimate, prompts, settings.confidence)
        method = "Wilson on the mean over seeds, all answers being alike; prompts as n"
    elif binary:
        # Widened seeds may leave the range of a share.
        low, high = max(0.0, low), min(1.0, high)
    return line | {"low": low, "high": high, "method": method}


def _of_set(cell: SetCell, settings: Statistics) -> dict[str, Any]:
    line = {"n_prompts": cell.used, "n_excluded": cell.excluded}
    if np.isnan(cell.full).any():
        return line | {"method": "undefined on this set"}
    estimate, seeds = float(cell.full.mean()), len(cell.seeds)
    line |= {"estimate": estimate, "seed_sd": _seed_sd(cell.full)}
    draws = cell.draws[~np.isnan(cell.draws)]
    if len(draws) < 2:
        return line | {"method": "no half-samples, hence no interval"}
    parts = [
        (resampling.variance(draws), len(draws) - 1),
        (resampling.variance(cell.full) / seeds, seeds - 1),
    ]
    error = float(np.sqrt(sum(part for part, _ in parts)))
    degrees = resampling.freedom(parts)
    low, high = resampling.t_interval(estimate, error, degrees, settings.confidence)
    method = "half-samples of prompts" + (
        " and seed variance, t" if seeds > 1 else ", t; one training run"
    )
    return line | {"low": low, "high": high, "method": method}


def _seed_sd(per_seed: np.ndarray) -> float | None:
    return float(np.std(per_seed, ddof=1)) if len(per_seed) > 1 else None
