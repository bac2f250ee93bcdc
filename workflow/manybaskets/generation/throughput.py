"""Throughput of sources from their jobs' records, and its correlation with model size."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import polars as pl

from manybaskets.config.sources import Source
from manybaskets.models.sizes import count_parameters
from manybaskets.records.responses import read_responses

THROUGHPUT = pl.Schema(
    {
        "source": pl.String,
        "engine": pl.String,
        "prompts": pl.Int64,
        "tokens_in": pl.Int64,
        "tokens_out": pl.Int64,
        "seconds": pl.Float64,
        "in_per_second": pl.Float64,
        "out_per_second": pl.Float64,
        "tokens_per_second": pl.Float64,
        "seconds_per_1000_prompts": pl.Float64,
        "gpus": pl.Int64,
        "tokens_per_second_per_gpu": pl.Float64,
        "peak_memory_gib": pl.Float64,
        "peak_gpu_reserved_gib": pl.Float64,
        "peak_gpu_allocated_gib": pl.Float64,
        "parameters": pl.Float64,  # counts, as floats: tables show 7.00e+09
        "context": pl.Int64,
        "proxy": pl.Float64,
    }
)
CORRELATIONS = pl.Schema(
    {
        "engine": pl.String,
        "speed": pl.String,
        "correlation": pl.String,
        "value": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "p": pl.Float64,
        "n": pl.Int64,
        "method": pl.String,
    }
)
ALL_ENGINES = "all"
SPEEDS = {
    "seconds_per_1000_prompts": "seconds per 1,000 prompts",
    "tokens_per_second": "tokens per second",
}
CONFIDENCE = 0.95
FEWEST = 3  # sources; two points always fit a line
_PERMUTATIONS = 9999
_METHOD = (
    "p-values from permutations of the sources (all of them if there are at most "
    f"{_PERMUTATIONS:,}); {CONFIDENCE * 100:g} % intervals by Fisher's z, for Spearman with the "
    "variance of Bonett and Wright (2000)"
)
_GIB = 2**30
Found = tuple[float | None, float | None, float | None, float | None]  # value, low, high, p


def throughput(
    sources: Mapping[str, Source],
    usages: Sequence[Path],
    responses: Mapping[str, Path],
    models: Mapping[str, Path],
    max_prompt_tokens: int,
) -> pl.DataFrame:
    """One row per source, with the columns of `THROUGHPUT`.

    Shards may run at the same time or one after the other, on any number of machines, so their
    seconds are added up, and speeds are per job. A killed job leaves no counts: seconds per 1,000
    prompts are computed from the seconds per answer of the other jobs, times the answers per prompt
    (turns and retries).

    Args:
        sources: sources run by an engine, in table order.
        usages: the shards' records by source.
        responses: checked responses by source.
        models: folders of models by name.
        max_prompt_tokens: from the config; plus `max_new_tokens`, the longest sequence of an engine
            without its own limit.

    Raises:
        UserError: weights cannot be read.
    """
    files = iter(usages)
    weights = {name: count_parameters(folder) for name, folder in models.items()}
    rows = []
    for name, source in sources.items():
        shards = [json.loads(file.read_text()) for file in islice(files, source.shards)]
        answers = read_responses(responses[name])
        context = _context(source, max_prompt_tokens)
        rows.append(_row(name, source, shards, answers, weights.get(source.model), context))
    return pl.DataFrame(rows, schema=THROUGHPUT)


def _row(
    name: str,
    source: Source,
    shards: Sequence[Mapping[str, Any]],
    answers: pl.DataFrame,
    parameters: int | None,
    context: int | None,
) -> dict[str, Any]:
    total = {
        key: sum(shard[key] for shard in shards)
        for key in ("rows", "prompt_tokens", "completion_tokens", "seconds")
    }
    # A peak of 0 means not measured: other processes may hold a GPU's memory.
    peak = {
        key: max(shard[key] for shard in shards) or None
        for key in ("peak_memory", "peak_gpu_reserved", "peak_gpu_allocated")
    }
    both = total["prompt_tokens"] + total["completion_tokens"]
    peak["gpus"] = max(shard.get("gpus", 0) for shard in shards)
    prompts, gpus = answers["prompt_id"].n_unique(), _gpus(source, peak)
    per_answer = _ratio(total["seconds"], total["rows"])
    answers_per_prompt = answers["attempts"].sum() / prompts
    speed = _ratio(both, total["seconds"])
    size = None if parameters is None or context is None else float(parameters) * context
    return {
        "source": name,
        "engine": source.engine.kind,
        "prompts": prompts,
        "tokens_in": total["prompt_tokens"],
        "tokens_out": total["completion_tokens"],
        "seconds": total["seconds"],
        "in_per_second": _ratio(total["prompt_tokens"], total["seconds"]),
        "out_per_second": _ratio(total["completion_tokens"], total["seconds"]),
        "tokens_per_second": speed,
        "seconds_per_1000_prompts": None
        if per_answer is None
        else 1000 * per_answer * answers_per_prompt,
        "gpus": gpus,
        "tokens_per_second_per_gpu": None if speed is None or not gpus else speed / gpus,
        **{
            f"{key}_gib": None if value is None else value / _GIB
            for key, value in peak.items()
            if key.startswith("peak")
        },
        "parameters": parameters,
        "context": context,
        "proxy": size,
    }


def _ratio(count: float, of: float) -> float | None:
    """A rate; None if no job recorded any work."""
    return count / of if count and of else None


def _gpus(source: Source, peak: Mapping[str, int | None]) -> int | None:
    """GPUs of one job; None for a server."""
    if source.model is None:
        return None
    sharing = source.engine.gpus_given() or peak["gpus"]
    if sharing and sharing > 1:
        return sharing  # each in a process of its own, whose memory the job cannot see
    return 1 if peak["peak_gpu_reserved"] else 0


def _context(source: Source, max_prompt_tokens: int) -> int | None:
    """Longest sequence in tokens; None for a server."""
    if source.model is None:
        return None
    return source.engine.longest_sequence() or max_prompt_tokens + source.sampling.max_new_tokens


def correlations(table: pl.DataFrame) -> pl.DataFrame:
    """Correlate speed with context length times parameters, with the columns of `CORRELATIONS`.

    Pearson's and Spearman's correlation over the sources of each engine and, if there are several
    engines, over all sources. Sources with unknown size or speed are left out. Fewer than three
    sources, or equal values, have no correlation.

    Args:
        table: the result of `throughput`, also after reading it from a file.
    """
    columns = ["proxy", *SPEEDS]
    # A column of nulls is read from a file as text.
    known = table.with_columns(pl.col(columns).cast(pl.Float64)).drop_nulls("proxy")
    engines = table["engine"].unique(maintain_order=True).to_list()
    groups = {engine: known.filter(pl.col("engine") == engine) for engine in engines}
    if len(engines) > 1:
        groups[ALL_ENGINES] = known
    rows = []
    for engine, group in groups.items():
        for column, label in SPEEDS.items():
            used = group.drop_nulls(column)
            x, y = used["proxy"].to_numpy(), used[column].to_numpy()
            for name, found in (("Pearson", pearson(x, y)), ("Spearman", spearman(x, y))):
                rows.append((engine, label, name, *found, len(x), _METHOD))
    return pl.DataFrame(rows, schema=CORRELATIONS, orient="row")


def pearson(x: np.ndarray, y: np.ndarray) -> Found:
    """Pearson's correlation, its interval and p-value; empty if undefined."""
    return _correlated(x, y, lambda value: 1.0)


def spearman(x: np.ndarray, y: np.ndarray) -> Found:
    """Spearman's correlation, its interval and p-value; empty if undefined."""
    from scipy.stats import rankdata

    return _correlated(rankdata(x), rankdata(y), lambda value: 1 + value**2 / 2)


def _correlated(x: np.ndarray, y: np.ndarray, variance: Callable[[float], float]) -> Found:
    """Pearson's correlation of `x` and `y`; `variance` is that of Fisher's z, times n - 3."""
    from scipy.stats import PermutationMethod, pearsonr

    if len(x) < FEWEST or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None, None, None, None
    method = PermutationMethod(n_resamples=_PERMUTATIONS, rng=np.random.default_rng(0))
    found = pearsonr(x, y, method=method)
    value = float(found.statistic)
    if len(x) <= 3 or abs(value) > 1 - 1e-12:
        return value, None, None, float(found.pvalue)
    half = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * math.sqrt(variance(value) / (len(x) - 3))
    low, high = (math.tanh(math.atanh(value) + side * half) for side in (-1, 1))
    return value, low, high, float(found.pvalue)
