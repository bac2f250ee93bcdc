"""Published semantic diversity: closed forms, samples, and what pairs hide."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paper_inputs import fake_vectors, splitter

from manybaskets.published.encoding import kept_vectors
from manybaskets.published.semantic_distance import (
    drawn_distances,
    pair_statistics,
    samples,
    unit_length,
    valid_sentences,
)


def all_distances(vectors: np.ndarray) -> np.ndarray:
    """The matrix that the study stores, without its diagonal."""
    matrix = 1.0 - vectors @ vectors.T
    return matrix[~np.eye(len(vectors), dtype=bool)]


@given(n=st.integers(2, 60), dimensions=st.integers(1, 12), seed=st.integers(0, 99))
@settings(deadline=None)
def test_the_closed_form_is_the_matrix(n, dimensions, seed):
    vectors = unit_length(np.random.default_rng(seed).normal(0.3, 1.0, (n, dimensions)))
    distances = all_distances(vectors)
    found = pair_statistics(vectors)
    assert found["mean"] == pytest.approx(distances.mean(), abs=1e-9)
    error = distances.std(ddof=1) / np.sqrt(len(distances))
    assert found["se_pairs_iid"] == pytest.approx(error, abs=1e-7)


def test_at_500_sentences_as_the_specification_asks():
    vectors = unit_length(np.random.default_rng(0).normal(0.1, 1.0, (500, 384)).astype(np.float32))
    assert pair_statistics(vectors)["mean"] == pytest.approx(
        all_distances(vectors).mean(), abs=1e-9
    )


def test_the_published_error_is_far_too_small():
    """The defect: sets of sentences differ by far more than pairs taken for independent allow."""
    rng = np.random.default_rng(2)
    centres = rng.normal(0, 1, (60, 8))
    found = []
    for _ in range(60):
        answers = rng.normal(centres[rng.integers(0, 60, 40)], 0.3)
        found.append(pair_statistics(unit_length(np.repeat(answers, 8, axis=0))))
    spread = np.std([each["mean"] for each in found], ddof=1)
    assert spread > 5 * np.mean([each["se_pairs_iid"] for each in found])


def test_too_few_sentences_have_no_pairs():
    assert pair_statistics(np.zeros((0, 4))) == pair_statistics(np.ones((1, 1))) == {}
    assert len(drawn_distances(np.ones((1, 1)), 10, np.random.default_rng(0))) == 0


def test_drawn_distances_are_those_of_distinct_pairs():
    vectors = unit_length(np.random.default_rng(3).normal(size=(40, 5)))
    everything = drawn_distances(vectors, 40 * 39, np.random.default_rng(0))
    assert np.sort(everything) == pytest.approx(np.sort(all_distances(vectors)))
    values = np.unique(np.round(all_distances(vectors), 12), return_counts=True)
    assert set(values[1]) == {2}, "each unordered pair once in either order"
    some = drawn_distances(vectors, 700, np.random.default_rng(0))
    found, counts = np.unique(np.round(some, 12), return_counts=True)
    assert set(found) <= set(values[0]) and counts.max() <= 2 and counts.sum() == 700


def test_another_draw_of_distances_gives_another_test_statistic():
    """The defect; the mean over all pairs has no seed."""
    vectors = unit_length(np.random.default_rng(4).normal(size=(300, 6)))
    one, other = (drawn_distances(vectors, 500, np.random.default_rng(s)).mean() for s in (42, 43))
    assert one != other


def test_samples_are_numpys_with_the_seed_set_once():
    pools = [
        [f"{name}{number}" for number in range(size)]
        for name, size in zip("abc", (30, 5, 20), strict=True)
    ]
    np.random.seed(42)
    first = np.random.choice(30, 10, replace=False)
    third = np.random.choice(20, 10, replace=False)
    expected = [[f"a{n}" for n in first], pools[1], [f"c{n}" for n in third]]
    assert samples(pools, 10, 42) == expected
    alone = samples(pools[2:], 10, 42)[0]
    assert alone != expected[2], "the defect: a sample hangs on the conditions before it"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("1. The mill. 22", ["The mill."]),
        ("- a) Yes. No!", ["- a) Yes.", "No!"]),
        ("**Mill** stands.", ["**Mill** stands."]),
        ("Ok\n\n1,234.5 ", ["Ok\n\n1,234.5"]),
        ("3.14", []),
        ("iv)", []),
        ("Hm", []),
        ("Yes.", ["Yes."]),
        ("", []),
    ],
)
def test_which_sentences_are_valid(text, kept):
    assert valid_sentences(text, splitter()) == kept


def test_vectors_of_a_sample_are_made_once_and_in_its_order(tmp_path):
    calls = []

    def encode(sentences):
        calls.append(list(sentences))
        return fake_vectors(sentences)

    sample = ["b b", "a a", "b b", "c c"]
    found = kept_vectors(sample, encode, tmp_path / "new")
    assert calls == [["a a", "b b", "c c"]]
    assert found == pytest.approx(unit_length(fake_vectors(sample)))
    again = kept_vectors(sample[::-1], encode, tmp_path / "new")
    assert len(calls) == 1 and np.array_equal(again, found[::-1])
    assert not list(tmp_path.glob("**/*.partial"))
