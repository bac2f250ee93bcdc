"""Estimates of every measure in every condition, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from manybaskets.config.evaluation import Statistics
from manybaskets.statistics.bootstrap import Mean, Seeds, bca
from manybaskets.statistics.cells import KEY, CellKey, PromptCell, SetCell, binary_measures, cells
from manybaskets.statistics.clusters import cluster_sums
from manybaskets.statistics.components import t_interval
from manybaskets.statistics.conditions import pooled_conditions
from manybaskets.statistics.rates import wilson_of
from manybaskets.statistics.sets import set_trainings_of, spread
from manybaskets.statistics.trainings import one_training

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
        "n_excluded": pl.Int64,  # prompts without a value in any seed
        "n_missing": pl.Int64,  # values of single seeds, on the other prompts
        "n_seeds": pl.Int64,
        "seed_sd": pl.Float64,  # null for one seed
        "median": pl.Float64,  # of the prompts' values, each the mean over seeds; null for set-level measures
        "method": pl.String,
    }
)


def summarise(rows: pl.DataFrame, settings: Statistics, seed: int) -> pl.DataFrame:
    """Estimate every measure in every condition, with an interval; rows in any order.

    Per-prompt measures: the mean over seeds and prompts, in which a missing value removes itself and
    not its prompt (`incomplete.completed`); BCa bootstrap interval over clusters and seeds. The
    variance between the trainings of a condition is moderated over all conditions of the study. Shares: Wilson's interval with the effective
    number of answers. Set-level measures: the mean over seeds; t interval from half-samples or
    left-out prompts, and seeds (`sets.spread`).

    Args:
        rows: of the schema `records.MEASURED`.
        settings: confidence and numbers of resamples.
        seed: for resampling.

    Returns:
        One row per measure, model, mix and prompt set, sorted by these (schema `SUMMARY`).
    """
    found = cells(rows)
    binary = binary_measures(found)
    lines: list[dict[str, Any]] = []
    resampled: list[tuple[dict[str, Any], Mean]] = []
    seeds = _seeds(found)
    for key in sorted(found):
        cell = found[key]
        line = dict(zip(KEY, key, strict=True)) | {"n_seeds": len(cell.seeds)}
        lines.append(line)
        if isinstance(cell, SetCell):
            line |= _of_set(cell, seeds[key], settings, one_training(line))
            continue
        kept = cell.measured
        prompts = int(kept.sum())
        missing = int(np.isnan(cell.values[:, kept]).sum())
        line |= {"n_prompts": prompts, "n_excluded": len(cell.prompts) - prompts}
        line["n_missing"] = missing
        if not prompts:
            line["method"] = "no value: no prompt has a value"
            continue
        mean, described = _described(cell, seeds.get(key))
        line |= described
        if key[0] in binary:
            answers = prompts * len(cell.seeds) - missing
            low, high = wilson_of(mean, answers, settings.confidence)
            line |= {"low": low, "high": high, "method": _of_share(mean, line)}
        else:
            resampled.append((line, mean))
    intervals = bca(
        [mean for _, mean in resampled], settings.bootstrap_resamples, settings.confidence, seed
    )
    for (line, mean), interval in zip(resampled, intervals, strict=True):
        line["method"] = f"BCa bootstrap over {resampled_units(mean)}{one_training(line)}"
        line |= limits(interval)
    return pl.DataFrame(lines, schema=SUMMARY)


def _seeds(found: Mapping[CellKey, PromptCell | SetCell]) -> dict[CellKey, Seeds | None]:
    """Variance between trainings of every condition."""
    seeds: dict[CellKey, Seeds | None] = {}
    for key, cell in found.items():
        if key in seeds:
            continue
        mixes = [each[2] for each in found if (*each[:2], each[3]) == (*key[:2], key[3])]
        trained: Mapping[str, Seeds | None]
        if isinstance(cell, PromptCell):
            means = pooled_conditions(found, key).means
            trained = {mix: mean.seeds for mix, mean in means.items()}
        else:
            trained = set_trainings_of(found, key)
        seeds |= {(*key[:2], mix, key[3]): trained.get(mix) for mix in mixes}
    return seeds


def _described(cell: PromptCell, seeds: Seeds | None) -> tuple[Mean, dict[str, Any]]:
    """The mean over the prompts of a cell that have a value, and its line."""
    clusters, table = cell.clusters[cell.measured], cell.table()
    table = table[~np.isnan(table).any(axis=1)]
    sizes = cluster_sums(clusters, np.ones(len(clusters)))
    mean = Mean(cluster_sums(clusters, table).mean(axis=0), sizes, seeds)
    return mean, {
        "estimate": mean.value,
        "seed_sd": _seed_sd(table.mean(axis=1)),
        "median": float(np.median(np.nanmean(cell.values[:, cell.measured], axis=0))),
    }


def _of_share(mean: Mean, line: dict[str, Any]) -> str:
    if not 0 < mean.value < 1:
        return f"Wilson, because all answers are equal; prompts as n{one_training(line)}"
    if mean.seeds:
        return f"Wilson with the effective number of answers of all seeds{one_training(line)}"
    alike = len(mean.sizes) < line["n_prompts"]
    return f"Wilson{' with the effective number of prompts' if alike else ''}{one_training(line)}"


def resampled_units(mean: Mean) -> str:
    """Units that a bootstrap draws."""
    return "prompts and seeds" if mean.seeds else "prompts"


def limits(interval: tuple[float, float] | None) -> dict[str, Any]:
    """Limits of a line; without an interval, the method gives the reason."""
    if interval is None:
        return {"low": None, "high": None, "method": "no interval: all prompts have the same text"}
    return {"low": interval[0], "high": interval[1]}


def _of_set(
    cell: SetCell, trained: Seeds | None, settings: Statistics, remark: str
) -> dict[str, Any]:
    line = {"n_prompts": cell.used, "n_excluded": cell.excluded}
    if np.isnan(cell.full).any():
        unreadable = (
            f"{cell.unreadable} answers are in languages or scripts that the measure does not know"
        )
        reason = unreadable if cell.unreadable else "undefined on this set"
        return line | {"method": f"no value: {reason}"}
    estimate, several = float(cell.full.mean()), len(cell.seeds) > 1
    line |= {"estimate": estimate, "seed_sd": _seed_sd(cell.full)}
    found = spread(cell, seeds=[trained])
    if found.units < 2:
        return line | {"method": "no interval: neither half-samples nor left-out prompts"}
    low, high = t_interval(estimate, found.components, settings.confidence)
    method = f"{found.method}{' and seed variance' if several else ''}, t{remark}"
    return line | {"low": low, "high": high, "method": method}


def _seed_sd(per_seed: np.ndarray) -> float | None:
    return float(np.std(per_seed, ddof=1)) if len(per_seed) > 1 else None
