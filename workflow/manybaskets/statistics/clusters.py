"""Clusters of prompts with the same text, which are drawn, flipped and left out together."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import polars as pl

from manybaskets.records.ids import row_seed
from manybaskets.records.measured import GROUPS, PARTITION_DRAWS


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


def cluster_groups(prompt_ids: Collection[str], draws: int, seed: int) -> list[np.ndarray]:
    """Random partitions of the clusters into `GROUPS` groups, each left out: indices as above.

    For each partition: all prompts without each group, then without each two groups (the first two,
    the next two, …). Groups of a partition differ by at most one cluster.

    Args:
        prompt_ids: of the set.
        draws: number of draws that are at least wanted; whole partitions are returned.
        seed: with the ids, it determines the partitions, so that all conditions share them.
    """
    ids = sorted(prompt_ids)
    texts = cluster_of(pl.Series(ids, dtype=pl.String)).to_numpy()
    names, cluster = np.unique(texts, return_inverse=True)
    rng = np.random.default_rng(row_seed(seed, "groups of prompts", ids))
    kept = []
    for _ in range(-(-draws // PARTITION_DRAWS)):
        group = np.empty(len(names), dtype=np.int64)
        group[rng.permutation(len(names))] = np.arange(len(names)) % GROUPS
        of_prompt = group[cluster]
        kept += [np.flatnonzero(of_prompt != left) for left in range(GROUPS)]
        kept += [np.flatnonzero(of_prompt // 2 != pair) for pair in range(GROUPS // 2)]
    return kept
