"""Planted tables behind figures: quantiles, divergences, distances, growth, a map, style."""

from __future__ import annotations

import math
from collections.abc import Sequence

import polars as pl
from fabricated_results import condition, summary

from manybaskets.source_analysis.pairs import PAIRS

QUANTILES = (0.01, 0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95, 0.99)


def quantiles(
    measures: Sequence[str],
    mixes: Sequence[str],
    models: Sequence[str] = ("llama",),
    prompt_set: str = "test",
) -> pl.DataFrame:
    """Rows of `statistics/distributions.parquet`."""
    rows = [
        {"measure": measure, "model": model, "mix": mix, "prompt_set": prompt_set,
         "quantile": q, "value": 1.0 + 0.2 * math.sin(j + i) + 1.5 * q}
        for i, measure in enumerate(measures)
        for model in models
        for j, mix in enumerate(mixes)
        for q in QUANTILES
    ]  # fmt: skip
    return pl.DataFrame(rows)


def distances(sources: Sequence[str], kinds: Sequence[str]) -> pl.DataFrame:
    """Rows of `statistics/source-distances.parquet`; the first pair of a kind is at its floor."""
    rows = []
    for kind in kinds:
        scale = "distance" if kind in ("embedding", "topics") else "similarity"
        for i, first in enumerate(sources):
            for j, second in enumerate(sources[i + 1 :], i + 1):
                value = 0.03 + 0.011 * abs(math.sin(3 * i + 5 * j))
                floor = value if i + j == 1 else 0.01
                rows.append(
                    {"kind": kind, "first": first, "second": second, "value": value,
                     "low": value - 0.003, "high": value + 0.003, "floor": floor, "p": 0.01,
                     "n_prompts": 300, "n_excluded": 0, "scale": scale}
                )  # fmt: skip
    return pl.DataFrame(rows, schema=PAIRS)


def divergences(mixes: Sequence[str], models: Sequence[str] = ("llama",)) -> pl.DataFrame:
    """Rows of `statistics/divergence.parquet`: the first mix against the others, and floors."""
    rows = []
    for model in models:
        for i, second in enumerate(mixes):
            floor = i == 0
            value = 0.01 if floor else 0.05 + 0.02 * i
            rows.append({"model": model, "first": mixes[0], "second": second, "value": value,
                         "low": value - 0.004, "high": value + 0.004, "n_prompts": 50,
                         "n_tokens": 4000, "kind": "seeds" if floor else "mixes"})  # fmt: skip
    return pl.DataFrame(rows)


def grown(
    mixes: Sequence[str],
    models: Sequence[str] = ("llama",),
    seeds: Sequence[int] = (1, 2),
    prompt_set: str = "test",
) -> pl.DataFrame:
    """Rows of `statistics/growth.parquet`."""
    sizes = [1000.0 * 1.3**step for step in range(14)]
    rows = [
        {"model": model, "mix": mix, "seed": seed, "prompt_set": prompt_set, "tokens": size,
         "types": (8 + j + 0.3 * seed) * size ** (0.55 + 0.01 * j)}
        for model in models
        for j, mix in enumerate(mixes)
        for seed in seeds
        for size in sizes
    ]  # fmt: skip
    return pl.DataFrame(rows)


def laws(mixes: Sequence[str], model: str = "llama", prompt_set: str = "test") -> pl.DataFrame:
    """A summary with Heaps' law of every mix; it does not fit the last one."""
    rows = []
    for j, mix in enumerate(mixes):
        fit = 0.5 if mix == mixes[-1] else 1.0
        for name, value in (("k", 8 + j), ("beta", 0.55 + 0.01 * j), ("fit_ok", fit)):
            interval = {"low": value - 0.01, "high": value + 0.01}
            rows.append(condition(f"heaps_{name}", mix, float(value), model=model,
                                  prompt_set=prompt_set, **interval))  # fmt: skip
    return summary(*rows)


def mapped(sources: Sequence[str], prompts: int = 40) -> pl.DataFrame:
    """Rows of `statistics/source-map.parquet`."""
    rows = [
        {"source": source, "prompt_id": f"p{number:03}-0",
         "x": 20 * math.cos(i) + 6 * math.sin(7 * number + i),
         "y": 20 * math.sin(i) + 6 * math.cos(5 * number + 2 * i)}
        for i, source in enumerate(sources)
        for number in range(prompts)
    ]  # fmt: skip
    return pl.DataFrame(rows)


def styled(
    mixes: Sequence[str], sources: Sequence[str], measures: Sequence[str], model: str = "llama"
) -> pl.DataFrame:
    """A summary of measures of style, of runs on `test` and of sources on `train`."""
    rows = []
    for i, measure in enumerate(measures):
        for j, mix in enumerate(mixes):
            rows.append(condition(measure, mix, abs(2 * math.sin(i + j)) + 0.2, model=model))
        for j, source in enumerate(sources):
            value = abs(2 * math.sin(i + j + 0.3)) + 0.3
            rows.append(condition(measure, source, value, model="sources", prompt_set="train"))
    return summary(*rows)
