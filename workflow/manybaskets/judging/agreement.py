"""Agreement between judges, and of a judge with itself when asked again."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from manybaskets.statistics.bootstrap import weights

ROW = ["target", "mix", "seed", "prompt_set", "prompt_id", "sample"]
STATISTICS = ("agreement", "kappa", "weighted_kappa")
# Share of resamples with an undefined kappa above which it has no interval.
MAX_UNDEFINED = 0.05
AGREEMENT = pl.Schema(
    {
        "rubric": pl.String,
        "kind": pl.String,  # `judges`, or `retest` of one judge with the scale reversed
        "judge": pl.String,
        "other": pl.String,
        "n": pl.Int64,  # responses scored by both
        "one_only": pl.Int64,  # responses shown to both but scored by only one
        "clusters": pl.Int64,  # base prompts among the n
        **{f"{name}{limit}": pl.Float64 for name in STATISTICS for limit in ("", "_low", "_high")},
    }
)


def agreement(
    judged: pl.DataFrame,
    scales: Mapping[str, Sequence[float]],
    *,
    seed: int,
    resamples: int = 2000,
    confidence: float = 0.95,
    by: Sequence[str] = (),
) -> pl.DataFrame:
    """Agreement of every pair of judges on every rubric, and of every judge with itself.

    Share of equal scores; Cohen's κ = (p_o − p_e) / (1 − p_e); quadratic-weighted κ with weights (i
    − j)² over the positions on the rubric's scale. Source: Cohen 1960, Educ. Psychol. Meas. 20(1);
    Cohen 1968, Psychol. Bull. 70(4). Intervals are percentiles over resampled base prompts, because
    responses to one request are similar; κ is null if both judges give every response the same
    score.

    Args:
        judged: `records.JUDGED` with the run's columns target, mix and seed, and `base_id`, the
            request that a prompt was built from.
        scales: by rubric all scores of its scale, in rising order.
        by: further columns; a row for each of their values.

    Returns:
        Columns `by`, then those of `AGREEMENT`, sorted; no row for pairs without a common response.
    """
    rows: list[dict[str, Any]] = []
    for keys, group in judged.group_by([*by, "rubric"], maintain_order=True):
        group_names = dict(zip([*by, "rubric"], keys, strict=True))
        steps = scales[group_names["rubric"]]
        # The published parsers accept scores outside of any scale; these are excluded here.
        group = group.with_columns(
            pl.when(pl.col(name).is_in(steps)).then(pl.col(name)).alias(name)
            for name in ("score", "again")
        )
        for pair in [*_pairs(group), *_retests(group)]:
            kind, judge, other, scores, one_only = pair
            if scores.height:
                pair_names = {"kind": kind, "judge": judge, "other": other, "one_only": one_only}
                rows.append(
                    group_names
                    | pair_names
                    | _statistics(scores, steps, resamples, confidence, seed)
                )
    schema = {name: judged.schema[name] for name in by} | AGREEMENT
    return pl.DataFrame(rows, schema=schema).sort([*by, "rubric", "kind", "judge", "other"])


def _pairs(group: pl.DataFrame):
    """Scores of every pair of judges on the same responses: columns base_id, first, second."""
    judged_rows = group.filter(pl.col("status").is_in(["judged", "judge_failed"]))
    for judge, other in itertools.combinations(sorted(judged_rows["judge"].unique()), 2):
        both = (
            judged_rows.filter(pl.col("judge") == name).select(*ROW, "base_id", score)
            for name, score in ((judge, pl.col("score").alias("first")),
                                (other, pl.col("score").alias("second")))
        )  # fmt: skip
        one, two = both
        common = one.join(two.drop("base_id"), on=ROW)
        scored = common.drop_nulls(["first", "second"])
        one_only = common.select((pl.col("first").is_null() != pl.col("second").is_null()).sum())
        yield "judges", judge, other, scored, one_only.item()


def _retests(group: pl.DataFrame):
    """First and second scores of every judge, on responses that it was asked about twice."""
    twice = group.filter(pl.col("again_status").is_not_null())
    for judge in sorted(twice["judge"].unique()):
        of_judge = twice.filter(pl.col("judge") == judge)
        scores = of_judge.select("base_id", first="score", second="again")
        lost = scores["second"].null_count()
        yield "retest", judge, judge, scores.drop_nulls(), lost


def _statistics(
    scores: pl.DataFrame, steps: Sequence[float], resamples: int, confidence: float, seed: int
) -> dict[str, Any]:
    names, cluster = np.unique(scores["base_id"].to_numpy(), return_inverse=True)
    first, second = (
        np.searchsorted(steps, scores[name].to_numpy()) for name in ("first", "second")
    )
    tables = np.zeros((len(names), len(steps), len(steps)))
    np.add.at(tables, (cluster, first, second), 1.0)
    point = _values(tables.sum(axis=0)[None])
    drawn = [
        _values(np.tensordot(block, tables, axes=1)) for block in _blocks(names, resamples, seed)
    ]
    line: dict[str, Any] = {"n": scores.height, "clusters": len(names)}
    for name in STATISTICS:
        value = point[name][0]
        resampled = np.concatenate([each[name] for each in drawn]) if drawn else np.array([])
        low, high = _limits(resampled, confidence)
        line |= {name: _plain(value), f"{name}_low": low, f"{name}_high": high}
    return line


def _blocks(names: np.ndarray, resamples: int, seed: int):
    return weights(len(names), resamples, seed) if len(names) > 1 else ()


def _values(tables: np.ndarray) -> dict[str, np.ndarray]:
    """Agreement statistics of contingency tables `[table, first, second]`; NaN if undefined."""
    size = tables.shape[1]
    places = np.arange(size)
    squared = np.subtract.outer(places, places).astype(np.float64) ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = tables / tables.sum(axis=(1, 2), keepdims=True)
        expected = shares.sum(axis=2)[:, :, None] * shares.sum(axis=1)[:, None, :]
        equal = np.trace(shares, axis1=1, axis2=2)
        chance = np.trace(expected, axis1=1, axis2=2)
        apart, apart_by_chance = ((each * squared).sum(axis=(1, 2)) for each in (shares, expected))
        return {
            "agreement": equal,
            # A trace of products of shares may differ from 1 by a rounding error.
            "kappa": np.where(1 - chance > 1e-12, (equal - chance) / (1 - chance), np.nan),
            "weighted_kappa": np.where(
                apart_by_chance > 1e-12, 1 - apart / apart_by_chance, np.nan
            ),
        }


def _limits(resampled: np.ndarray, confidence: float) -> tuple[float | None, float | None]:
    defined = resampled[~np.isnan(resampled)]
    if not len(defined) or len(defined) < (1 - MAX_UNDEFINED) * len(resampled):
        return None, None
    low, high = np.quantile(defined, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
