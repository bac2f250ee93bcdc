"""Semantic measures in closed form against the matrix of all pairs, and deletion one by one."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from semantic_inputs import random_answers, semantic_inputs, unit

from manybaskets.measures import Inputs, SentenceVectors, compute, get
from manybaskets.measures.semantic import semantic_between, semantic_sentences, semantic_within
from manybaskets.measures.subsets import Subsets
from manybaskets.records.measured import EXCLUDED, LEFT_OUT, USED

CONSTANT = {"model": "m", "mix": "human", "seed": 3, "prompt_set": "test"}
SETS = {"semantic_between": semantic_between, "semantic_sentences": semantic_sentences}


def all_pairs(vectors: np.ndarray) -> float:
    """Mean of 1 − a·b from the whole matrix, its diagonal left out."""
    distance = 1.0 - vectors @ vectors.T
    return float(distance[~np.eye(len(vectors), dtype=bool)].mean())


def explicit(name: str, vectors: np.ndarray, owner: np.ndarray, index: np.ndarray) -> float:
    """A measure of these answers, with every pair written out."""
    given = [vectors[owner == row].astype(np.float64) for row in index]
    given = [each for each in given if len(each)]
    items = [each.mean(axis=0) for each in given]
    items = np.array(items) if name == "semantic_between" else np.concatenate(given)
    return all_pairs(items) if len(items) > 1 else float("nan")


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize(
    ("kind", "close"), [(np.float64, 1e-12), (np.float32, 1e-9), (np.float16, 1e-9)]
)
def test_closed_forms_equal_the_matrix(name: str, kind: type, close: float) -> None:
    vectors, owner = random_answers(500, 1, dimensions=384)
    vectors = vectors.astype(kind)
    sets = [np.arange(500), np.arange(0, 500, 3), np.array([7, 3, 499, 41])]
    found = SETS[name](semantic_inputs(vectors, owner, rows=500)).many(Subsets(sets, 500))
    expected = [explicit(name, vectors, owner, index) for index in sets]
    assert found == pytest.approx(expected, abs=close)
    assert (found > 0.1).all()


def test_between_weighs_answers_and_sentences_weighs_sentences() -> None:
    east, north = [1.0, 0.0], [0.0, 1.0]
    given = semantic_inputs(np.array([east] * 9 + [north, east]), [0] * 9 + [1, 2])
    everything = np.arange(3)
    assert semantic_between(given)(everything) == pytest.approx(2 / 3)
    assert semantic_sentences(given)(everything) == pytest.approx(20 / 110)


@pytest.mark.parametrize("name", SETS)
def test_leaving_out_a_prompt_equals_deleting_its_answers(name: str) -> None:
    vectors, owner = random_answers(90, 5)
    ids = [f"{row // 3:03d}" for row in range(60)] + [f"{row:03d}" for row in range(20, 50)]
    given = semantic_inputs(vectors.astype(np.float32), owner, ids=ids)
    rows = compute([get(name)], given, **CONSTANT, all_prompt_ids={*ids, "zz"},
                   set_prompt_ids=set(ids[3:]), draws=[np.array([0, 1])])  # fmt: skip
    left = rows.filter(draw=LEFT_OUT)
    kept = np.arange(3, 90)
    assert left["prompt_id"].to_list() == sorted(set(ids[3:]))
    for prompt_id, value in left.select("prompt_id", "value").iter_rows():
        others = [row for row in kept if ids[row] != prompt_id]
        expected = explicit(name, vectors.astype(np.float32), owner, np.array(others))
        assert value == pytest.approx(expected, abs=1e-9)
    whole = dict(rows.filter(rows["draw"] != LEFT_OUT).select("draw", "value").iter_rows())
    answered = {ids[row] for row in kept if (owner == row).any()}
    assert set(whole) == {0, USED, EXCLUDED}
    assert whole[0] == pytest.approx(explicit(name, vectors, owner, kept), abs=1e-6)
    assert (whole[USED], whole[EXCLUDED]) == (len(answered), 51 - len(answered))


def test_the_jackknife_estimates_the_error_between_samples() -> None:
    """Answers in clusters of like sentences: pairs taken as independent would give a fraction."""
    rng = np.random.default_rng(2)
    values, errors = [], []
    for _ in range(200):
        centres = rng.normal(size=(60, 12)) + 1.0
        vectors = unit(np.repeat(centres, 4, axis=0) + 0.5 * rng.normal(size=(240, 12)))
        evaluate = semantic_between(semantic_inputs(vectors, np.repeat(np.arange(60), 4)))
        values.append(evaluate(np.arange(60)))
        left = evaluate.left_out(np.arange(60), np.arange(60), 60)
        errors.append(np.sqrt(59 / 60 * ((left - left.mean()) ** 2).sum()))
    assert np.mean(errors) == pytest.approx(np.std(values, ddof=1), rel=0.12)


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_within_is_the_matrix_of_one_answer(kind: type) -> None:
    vectors, owner = random_answers(80, 8)
    vectors = vectors.astype(kind)
    found = semantic_within(semantic_inputs(vectors, owner, rows=80))
    several = 0
    for row, value in enumerate(found):
        own = vectors[owner == row].astype(np.float64)
        several += len(own) > 1
        assert (value is None) == (len(own) < 2)
        assert value is None or value == pytest.approx(all_pairs(own), abs=1e-9)
    assert 40 < several < 80


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 25), st.integers(0, 10_000))
def test_the_order_of_answers_changes_nothing(count: int, seed: int) -> None:
    vectors, owner = random_answers(count, seed)
    order = np.random.default_rng(seed).permutation(count)
    place = np.argsort(order)
    sentence = np.argsort(place[owner], kind="stable")
    shuffled = semantic_inputs(vectors[sentence], place[owner][sentence], rows=count)
    plain = semantic_inputs(vectors, owner, rows=count)
    some = np.flatnonzero(np.arange(count) % 3)
    for function in SETS.values():
        first, again = function(plain), function(shuffled)
        assert again(place[some]) == pytest.approx(first(some), abs=1e-12, nan_ok=True)
        left = first.left_out(some, np.arange(len(some)), len(some))
        other = np.argsort(place[some])
        moved = again.left_out(place[some][other], np.arange(len(some)), len(some))
        assert moved == pytest.approx(left[other], abs=1e-10, nan_ok=True)
    within = semantic_within(plain)
    assert semantic_within(shuffled) == pytest.approx([within[row] for row in order], abs=1e-12)


def test_ten_thousand_identical_answers() -> None:
    vectors = np.tile(unit([[0.3, 0.4, -0.7]]).astype(np.float32), (20_000, 1))
    given = semantic_inputs(vectors, np.repeat(np.arange(10_000), 2))
    for name, function in SETS.items():
        evaluate = function(given)
        assert evaluate(np.arange(10_000)) == pytest.approx(0.0, abs=1e-6), name
        left = evaluate.left_out(np.arange(10_000), np.arange(10_000), 10_000)
        assert left == pytest.approx(np.zeros(10_000), abs=1e-6)
    assert semantic_within(given) == pytest.approx([0.0] * 10_000, abs=1e-6)


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_sets_too_small_are_undefined_without_a_warning(rows: int) -> None:
    """The last of three is the only answer with a sentence."""
    vectors = unit(np.ones((min(rows, 1), 4)))
    given = semantic_inputs(vectors, [rows - 1] * len(vectors), rows=rows)
    names = [*SETS, "semantic_within", "remote_clique", "chamfer", "vendi", "vendi_inf"]
    ids = given.frame["prompt_id"].to_list()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        wanted = [get(name) for name in names]
        found = compute(wanted, given, **CONSTANT, all_prompt_ids=ids, draws=[np.arange(0)])
    whole = found.filter(draw=0).select("measure", "value").rows()
    defined = {name: value for name, value in whole if value is not None}
    assert defined == ({"vendi": 1.0, "vendi_inf": 1.0} if rows else {})
    used = dict(found.filter(draw=USED).select("measure", "value").iter_rows())
    assert set(used.values()) == {float(min(rows, 1))}


def test_sentence_vectors_stand_text_after_text() -> None:
    with pytest.raises(ValueError, match="sorted by text"):
        SentenceVectors(np.ones((2, 3)), np.array([1, 0]))
    with pytest.raises(ValueError, match="1 owners for 2"):
        SentenceVectors(np.ones((2, 3)), np.array([1]))
    with pytest.raises(ValueError, match="embeddings of 5 texts"):
        semantic_inputs(np.ones((1, 3)), [4], rows=2)


def test_restricted_inputs_keep_the_vectors_of_their_answers() -> None:
    vectors, owner = random_answers(30, 4)
    given: Inputs = semantic_inputs(vectors, owner, rows=30)
    kept = given.restricted({f"{row:05d}" for row in range(5, 30, 4)})
    index = np.arange(5, 30, 4)
    assert kept.frame.height == len(index)
    for name, function in SETS.items():
        expected = explicit(name, vectors, owner, index)
        assert function(kept)(np.arange(len(index))) == pytest.approx(expected, abs=1e-12)
