"""Similarity tables: each source with all others, and every pair."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from manybaskets.config.evaluation import Statistics
from manybaskets.source_analysis.pairs import PAIRS
from manybaskets.source_analysis.shared_answers import text_codes
from manybaskets.source_analysis.similarity.pair_scores import PairScores
from manybaskets.statistics.bootstrap import Mean, bca
from manybaskets.statistics.clusters import cluster_sums

SIMILARITY = pl.Schema(
    {
        "metric": pl.String,
        "source": pl.String,
        "value": pl.Float64,
        "sd": pl.Float64,  # over prompts
        "low": pl.Float64,
        "high": pl.Float64,
        "shuffled": pl.Float64,
        "shuffled_low": pl.Float64,
        "shuffled_high": pl.Float64,
        "n_prompts": pl.Int64,
        "n_excluded": pl.Int64,
    }
)


def similarity_of_sources(
    scored: Sequence[PairScores], settings: Statistics, seed: int
) -> pl.DataFrame:
    """Similarity of each source to the others, by metric (schema `SIMILARITY`).

    A prompt's score is the mean over all other sources, `value` the arithmetic mean over prompts,
    `sd` the standard deviation over prompts; BCa bootstrap intervals over prompts. `shuffled` is
    the same with the others' answers to other prompts. A single source gives no rows.
    """
    lines = []
    for scores in scored:
        if len(scores.sources) < 2:
            continue
        per_prompt, shuffled = (_over_others(each) for each in (scores.scores, scores.shuffled))
        means_of_pairs = _means(per_prompt, scores.prompt_ids, settings, seed)
        other = _means(shuffled, scores.prompt_ids, settings, seed)
        for index, source in enumerate(scores.sources):
            values = per_prompt[index]
            lines.append(
                {"metric": scores.metric, "source": source}
                | dict(zip(("value", "low", "high"), means_of_pairs[index], strict=True))
                | {"sd": float(np.std(values, ddof=1)) if len(values) > 1 else None}
                | dict(
                    zip(("shuffled", "shuffled_low", "shuffled_high"), other[index], strict=True)
                )
                | {"n_prompts": len(values), "n_excluded": scores.excluded}
            )
    return pl.DataFrame(lines, schema=SIMILARITY)


def similarity_of_pairs(
    scored: Sequence[PairScores], settings: Statistics, seed: int
) -> pl.DataFrame:
    """Mean score of every ordered pair of sources, with intervals over prompts (schema `PAIRS`).

    `first` is the hypothesis; METEOR is asymmetric, ROUGE is symmetric.
    """
    lines = []
    for scores in scored:
        size = len(scores.sources)
        pairs = [(row, column) for row in range(size) for column in range(size) if row != column]
        if not pairs:
            continue
        means = _means(
            np.stack([scores.scores[pair] for pair in pairs]), scores.prompt_ids, settings, seed
        )
        for (row, column), mean in zip(pairs, means, strict=True):
            # ROUGE is symmetric, so its baseline can be computed once for both orders.
            orders = (
                [(row, column)] if scores.metric == "meteor" else [(row, column), (column, row)]
            )
            shuffled = np.concatenate([scores.shuffled[order] for order in orders])
            shuffled = shuffled[~np.isnan(shuffled)]
            lines.append(
                {
                    "kind": scores.metric,
                    "first": scores.sources[row],
                    "second": scores.sources[column],
                    "floor": float(shuffled.mean()) if len(shuffled) else None,
                    "n_prompts": len(scores.prompt_ids),
                    "n_excluded": scores.excluded,
                    "scale": "similarity",
                }
                | dict(zip(("value", "low", "high"), mean, strict=True))
            )
    return pl.DataFrame(lines, schema=PAIRS)


def _over_others(scores: np.ndarray) -> np.ndarray:
    """Mean over the other sources, `[source, prompt]`; NaN without any score."""
    defined = ~np.isnan(scores)
    count = defined.sum(axis=1)
    total = np.where(defined, scores, 0.0).sum(axis=1)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def _means(
    values: np.ndarray, prompt_ids: Sequence[str], settings: Statistics, seed: int
) -> list[tuple[float | None, float | None, float | None]]:
    """Mean, low, high of each row of `values[row, prompt]` over its known values."""
    clusters = text_codes(prompt_ids)
    means: list[Mean | None] = []
    for row in values:
        defined = ~np.isnan(row)
        sizes = cluster_sums(clusters[defined], np.ones(int(defined.sum())))
        means.append(
            Mean(cluster_sums(clusters[defined], row[defined]), sizes) if len(sizes) else None
        )
    given = [mean for mean in means if mean is not None]
    intervals = iter(bca(given, settings.bootstrap_resamples, settings.confidence, seed))
    return [
        (None, None, None) if mean is None else (mean.value, *(next(intervals) or (None, None)))
        for mean in means
    ]
