"""Semantic measures, from sentence embeddings of whole answers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from manybaskets.measures.inputs import Inputs
from manybaskets.measures.registry import measure


@measure(
    label="Semantic distance",
    unit="cosine distance",
    direction="higher",
    level="set",
    needs=("responses", "embeddings"),
)
def semantic_distance(inputs: Inputs) -> Callable[[np.ndarray], float]:
    """Mean cosine distance over all pairs of answers; higher is more diverse.

    Closed form for unit vectors: 1 − (‖S‖² − n) / (n (n − 1)), with S their sum; all pairs, no
    sampling. After Schaffelder & Gatt 2026, who average over sampled sentences instead of answers.
    """
    # Float64: ‖S‖² is large against the differences between conditions.
    vectors = np.asarray(inputs.embeddings, dtype=np.float64)
    # Encoders store float16 or float32: "unit" vectors are so only to their precision.
    squares = np.einsum("ij,ij->i", vectors, vectors)

    def distance(index: np.ndarray) -> float:
        n = len(index)
        if n < 2:
            return float("nan")
        total = vectors[index].sum(axis=0)
        return float(1.0 - (total @ total - squares[index].sum()) / (n * (n - 1)))

    return distance
