"""The closed form of the semantic distance against the loop over pairs."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import polars as pl
import pytest

from manybaskets.measures import Inputs
from manybaskets.measures.semantic import semantic_distance


def given(vectors: np.ndarray) -> Inputs:
    names = [f"{place:05d}" for place in range(len(vectors))]
    frame = pl.DataFrame({"prompt_id": names, "text": names})
    return Inputs(frame=frame, token_budget=1, embeddings=vectors)


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize(("kind", "close"), [(np.float64, 1e-12), (np.float16, 1e-6)])
def test_closed_form_equals_all_pairs(kind: type, close: float) -> None:
    rng = np.random.default_rng(1)
    vectors = unit(rng.normal(size=(60, 16)) + 0.5).astype(kind)
    index = np.array([5, 0, 33, 59, 41, 12, 13])
    exact = vectors.astype(np.float64)
    pairs = [1 - exact[a] @ exact[b] for a, b in combinations(index, 2)]
    found = semantic_distance(given(vectors))(index)
    assert found == pytest.approx(np.mean(pairs), abs=close)
    assert 0.2 < found < 1.5


def test_extremes() -> None:
    same = semantic_distance(given(np.tile([1.0, 0.0], (4, 1))))
    assert same(np.arange(4)) == pytest.approx(0.0, abs=1e-12)
    opposite = semantic_distance(given(np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]])))
    assert opposite(np.array([0, 1])) == pytest.approx(2.0)
    assert opposite(np.array([0, 2])) == pytest.approx(1.0)
    assert np.isnan(opposite(np.array([0])))
