"""Clusters of prompts with the same text, which are drawn, flipped and left out together."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import polars as pl

from manybaskets.records.ids import row_seed


def cluster_of(prompt_ids: pl.Expr | pl.Series) -> pl.Expr | pl.Series:
    """Text digest of prompt ids `<digest of the text>-<occurrence>`."""
    return prompt_ids.str.replace(r"-\d+$", "")


def cluster_sums(clusters: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sums over the prompts of each cluster: `values[..., prompt]` to `[..., cluster]`.

    Args:
        clusters: cluster code of every prompt; the result is sorted by it.
    """
    names, place = np.unique(clusters, return_inverse=True)
    if len(names) == len(clusters):
        return values[..., np.argsort(clusters)]
    sums = np.zeros((*values.shape[:-1], len(names)))
    np.add.at(sums, (..., place), values)
    return sums


def cluster_halves(prompt_ids: Collection[str], draws: int, seed: int) -> list[np.ndarray]:
    """Random halves of the clusters, without replacement: indices into `sorted(prompt_ids)`.

    Half of the clusters, rounded down; a half contains all prompts of its clusters. Halves depend
    only on the seed and the ids, so that all conditions get the same halves.
    """
    ids = sorted(prompt_ids)
    texts = cluster_of(pl.Series(ids, dtype=pl.String)).to_numpy()
    names, cluster = np.unique(texts, return_inverse=True)
    rng = np.random.default_rng(row_seed(seed, "half-samples", ids))
    halves = []
    for _ in range(draws):
        chosen = np.zeros(len(names), dtype=bool)
        chosen[rng.permutation(len(names))[: len(names) // 2]] = True
        halves.append(np.flatnonzero(chosen[cluster]))
    return halves
