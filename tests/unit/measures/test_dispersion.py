"""Remote clique and Chamfer distance against scikit-learn and loops over all pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from semantic_inputs import random_answers, semantic_inputs, unit
from sklearn.metrics.pairwise import cosine_distances

from manybaskets.measures import dispersion, get
from manybaskets.measures.dispersion import Neighbours, chamfer
from manybaskets.measures.semantic import remote_clique
from manybaskets.measures.subsets import Subsets


def distances(vectors: np.ndarray, owner: np.ndarray, index: np.ndarray) -> np.ndarray:
    """All cosine distances between the answers' mean vectors; to itself none."""
    means = [vectors[owner == row].mean(axis=0) for row in index if (owner == row).any()]
    found = cosine_distances(np.array(means, dtype=np.float64))
    np.fill_diagonal(found, np.nan)
    return found


@pytest.mark.parametrize("count", [3, 60, 400])
def test_both_equal_the_matrix_of_all_pairs(count: int) -> None:
    vectors, owner = random_answers(count, count, dimensions=24)
    inputs = semantic_inputs(vectors, owner, rows=count)
    rng = np.random.default_rng(1)
    sets = [
        np.arange(count),
        *(np.sort(rng.permutation(count)[: max(count // 2, 2)]) for _ in range(5)),
    ]
    expected = [distances(vectors, owner, index) for index in sets]
    clique = remote_clique(inputs).many(Subsets(sets, count))
    near = chamfer(inputs).many(Subsets(sets, count))
    for place, matrix in enumerate(expected):
        if len(matrix) < 2:
            assert np.isnan(clique[place]) and np.isnan(near[place])
            continue
        assert clique[place] == pytest.approx(np.nanmean(matrix), abs=1e-9)
        assert near[place] == pytest.approx(np.nanmin(matrix, axis=1).mean(), abs=1e-9)


def test_remote_clique_without_a_prompt_equals_deleting_it() -> None:
    vectors, owner = random_answers(40, 9)
    evaluate = remote_clique(semantic_inputs(vectors, owner, rows=40))
    left = evaluate.left_out(np.arange(40), np.arange(40) // 2, 20)
    for prompt, value in enumerate(left):
        others = np.flatnonzero(np.arange(40) // 2 != prompt)
        expected = np.nanmean(distances(vectors, owner, others))
        assert value == pytest.approx(expected, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 60), st.integers(2, 60), st.integers(0, 10_000))
def test_small_sets_are_searched_whole_where_no_kept_neighbour_is_in_them(
    count: int, size: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    vectors = unit(rng.normal(size=(count, 5)))
    near = Neighbours(vectors, np.ones(count, dtype=bool))
    index = np.sort(rng.permutation(count)[:size])
    expected = distances(vectors, np.arange(count), index)
    if len(index) < 2:
        assert np.isnan(near.mean(index))
    else:
        assert near.mean(index) == pytest.approx(np.nanmin(expected, axis=1).mean(), abs=1e-9)


def test_blocks_change_nothing(monkeypatch) -> None:
    vectors, owner = random_answers(300, 6, dimensions=16)
    sets = Subsets([np.arange(300), np.arange(0, 300, 40)], 300)
    whole = chamfer(semantic_inputs(vectors, owner, rows=300)).many(sets)
    monkeypatch.setattr(dispersion, "_CELLS_AT_ONCE", 700)
    parts = chamfer(semantic_inputs(vectors, owner, rows=300)).many(sets)
    assert parts == pytest.approx(whole, abs=1e-12)


def test_a_copy_is_the_nearest_and_the_answer_itself_is_not() -> None:
    vectors = np.eye(4)[[0, 0, 1, 2]]
    inputs = semantic_inputs(vectors)
    assert chamfer(inputs)(np.arange(4)) == pytest.approx(0.5)
    assert chamfer(inputs)(np.array([0, 2, 3])) == pytest.approx(1.0)
    assert remote_clique(inputs)(np.arange(4)) == pytest.approx(10 / 12)


def test_ten_thousand_identical_answers() -> None:
    vectors = np.tile(unit([[1.0, 2.0, -0.5]]).astype(np.float32), (10_000, 1))
    inputs = semantic_inputs(vectors)
    for name in ("chamfer", "remote_clique"):
        assert get(name).function(inputs)(np.arange(10_000)) == pytest.approx(0.0, abs=1e-6)
