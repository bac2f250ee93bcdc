"""k-means clusters of vectors, reproducible on machines with the same arithmetic."""

from __future__ import annotations

import numpy as np

from manybaskets.records.ids import row_seed

_STARTS = 5
_ITERATIONS = 500


def k_means(vectors: np.ndarray, clusters: int, seed: int) -> np.ndarray:
    """Cluster of every vector: the best of five runs of Lloyd's algorithm from random vectors.

    Args:
        vectors: float64 [rows, dimensions].
        clusters: number of clusters, at most the number of rows.
        seed: for the random vectors from which the runs start.

    Returns:
        Numbers 0 to clusters − 1; the best run has the smallest sum of squared distances to the
        cluster centres.
    """
    rng = np.random.default_rng(row_seed("k-means", seed, len(vectors), clusters))
    runs = [
        lloyd(vectors, vectors[rng.choice(len(vectors), clusters, replace=False)])
        for _ in range(_STARTS)
    ]
    return min(runs, key=lambda run: run[1])[0]


def lloyd(vectors: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, float]:
    """Lloyd's algorithm from the given centres, until no vector changes its cluster.

    A cluster that loses all its vectors restarts at the vector farthest from its centre.

    Returns:
        The cluster of every vector, and the sum of squared distances to the centres.
    """
    from scipy.sparse import csr_array

    rows, squares = np.arange(len(vectors)), np.einsum("ij,ij->i", vectors, vectors)
    before = np.full(len(vectors), -1)
    for _ in range(_ITERATIONS):
        # ‖v − c‖² = ‖v‖² − 2 v·c + ‖c‖², of which ‖v‖² changes no choice.
        apart = np.einsum("ij,ij->i", centres, centres) - 2.0 * (vectors @ centres.T)
        label = apart.argmin(axis=1)
        distance = np.maximum(squares + apart[rows, label], 0.0)
        if np.array_equal(label, before):
            break
        before = label
        chosen = label.copy()
        empty = np.flatnonzero(np.bincount(label, minlength=len(centres)) == 0)
        chosen[np.argsort(-distance, kind="stable")[: len(empty)]] = empty
        held = csr_array((np.ones(len(rows)), (chosen, rows)), shape=(len(centres), len(rows)))
        number = np.bincount(chosen, minlength=len(centres))
        centres = (held @ vectors) / np.maximum(number, 1)[:, None]
    return label, float(distance.sum())
