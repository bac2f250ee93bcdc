"""Vendi scores against the package `vendi-score`, the whole kernel, and sets with a known number."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from semantic_inputs import random_answers, semantic_inputs, unit
from vendi_score import vendi as package

from manybaskets.measures import get
from manybaskets.measures.deletion import Deletion
from manybaskets.measures.subsets import Subsets
from manybaskets.measures.vendi import effective_number, spectrum

ORDERS = {"vendi_q05": 0.5, "vendi": 1.0, "vendi_q2": 2.0, "vendi_inf": np.inf}


def by_kernel(vectors: np.ndarray, order: float) -> float:
    """From the eigenvalues of the n × n matrix of similarities, in the entropies' own words."""
    values = np.linalg.eigvalsh(vectors @ vectors.T / len(vectors))
    values = values[values > 1e-12]
    if order == 1:
        return float(np.exp(-np.sum(values * np.log(values))))
    if np.isinf(order):
        return float(np.exp(-np.log(values.max())))
    return float(np.exp(np.log(np.sum(values**order)) / (1 - order)))


def answer_means(vectors: np.ndarray, owner: np.ndarray, index: np.ndarray) -> np.ndarray:
    found = [vectors[owner == row].mean(axis=0) for row in index if (owner == row).any()]
    return unit(np.array(found))


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize(("count", "dimensions"), [(300, 16), (40, 64)])
def test_vendi_equals_the_package_and_the_kernel(name: str, count: int, dimensions: int) -> None:
    vectors, owner = random_answers(count, 3, dimensions=dimensions)
    evaluate = get(name).function(semantic_inputs(vectors, owner, rows=count))
    sets = [np.arange(count), np.arange(1, count, 2)]
    found = evaluate.many(Subsets(sets, count))
    for value, index in zip(found, sets, strict=True):
        means = answer_means(vectors, owner, index)
        assert value == pytest.approx(by_kernel(means, ORDERS[name]), rel=1e-9)
        if count > dimensions:
            order = "inf" if name == "vendi_inf" else ORDERS[name]
            assert value == pytest.approx(package.score_dual(means, q=order), abs=1e-6)
        assert 1 < value < min(len(means), dimensions)
    assert np.array_equal(evaluate.counted, np.bincount(owner, minlength=count) > 0)


@pytest.mark.parametrize("name", ORDERS)
def test_n_groups_of_equal_answers_without_anything_in_common_are_n(name: str) -> None:
    for groups in (1, 5, 12):
        vectors = np.repeat(np.eye(16)[:groups], 30, axis=0)
        found = get(name).function(semantic_inputs(vectors))(np.arange(30 * groups))
        assert found == pytest.approx(groups, abs=1e-9)


def test_ten_thousand_identical_answers_are_one() -> None:
    vectors = np.tile(unit(np.arange(1.0, 385.0)[None]).astype(np.float32), (10_000, 1))
    given = semantic_inputs(vectors)
    for name in ORDERS:
        assert get(name).function(given)(np.arange(10_000)) == pytest.approx(1.0, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=8))
def test_higher_orders_count_fewer_and_zeros_count_nothing(weights: list[float]) -> None:
    shares = np.array(weights) / np.sum(weights)
    found = [effective_number(shares, order) for order in (0.5, 1.0, 2.0, np.inf)]
    assert found == pytest.approx(sorted(found, reverse=True), rel=1e-9)
    assert found[-1] >= 1 - 1e-9 and found[0] <= len(shares) + 1e-9
    padded = np.append(shares, [0.0, 0.0])
    assert [effective_number(padded, order) for order in (0.5, 1.0, 2.0, np.inf)] == found


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 30), st.integers(0, 1000))
def test_the_order_of_answers_changes_nothing(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = unit(rng.normal(size=(count, 6)))
    shuffled = vectors[rng.permutation(count)]
    assert spectrum(shuffled) == pytest.approx(spectrum(vectors), abs=1e-12)
    assert spectrum(vectors).sum() == pytest.approx(1.0)


def test_a_set_of_answers_without_sentences_is_undefined() -> None:
    given = semantic_inputs(np.eye(4)[:2], [1, 3], rows=5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in ORDERS:
            evaluate = get(name).function(given)
            assert np.isnan(evaluate(np.array([0, 2, 4])))
            assert evaluate(np.array([0, 1, 2, 3])) == pytest.approx(2.0)


CASES = {
    "more answers than dimensions": unit(np.random.default_rng(1).normal(size=(60, 9)) + 0.5),
    "fewer answers than dimensions": unit(np.random.default_rng(2).normal(size=(20, 40)) + 0.3),
    "each three times": np.repeat(unit(np.random.default_rng(3).normal(size=(6, 10))), 3, axis=0),
    "nothing in common": np.eye(5),
    "all the same": np.tile(unit([[0.2, 0.5, -0.1]]), (30, 1)),
    "two": unit(np.random.default_rng(4).normal(size=(2, 6))),
    "nearly flat": unit(np.random.default_rng(5).normal(size=(40, 8)) * np.logspace(0, -5, 8)),
}


@pytest.mark.parametrize("order", ORDERS.values())
@pytest.mark.parametrize("case", CASES)
def test_a_vector_is_taken_off_the_spectrum(case: str, order: float) -> None:
    vectors = CASES[case]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = Deletion(vectors).effective_numbers(order)
    expected = [
        effective_number(spectrum(np.delete(vectors, row, axis=0)), order)
        for row in range(len(vectors))
    ]
    assert found == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("name", ORDERS)
def test_leaving_out_a_prompt_equals_deleting_its_answers(name: str) -> None:
    vectors, owner = random_answers(50, 7)
    group = np.minimum(np.arange(50) // 2, 20)  # two answers to a prompt, and many to the last
    group[:4] = np.arange(4)
    group[4:] += 2
    evaluate = get(name).function(semantic_inputs(vectors, owner, rows=50))
    left = evaluate.left_out(np.arange(50), group, 24)
    for prompt in range(24):
        others = np.flatnonzero(group != prompt)
        assert left[prompt] == pytest.approx(evaluate(others), rel=1e-8)
    assert len(set(left.round(9))) > 10
    alone = evaluate.left_out(owner[:1], np.array([1]), 3)
    assert alone.tolist()[::2] == [1.0, 1.0] and np.isnan(alone[1])


def test_the_jackknife_estimates_the_error_between_samples() -> None:
    rng = np.random.default_rng(6)
    topics = rng.normal(size=(12, 24))
    for name in ("vendi_q05", "vendi", "vendi_inf"):
        values, errors = [], []
        for _ in range(120):
            shares = np.arange(12, 0, -1.0)
            drawn = topics[rng.choice(12, 80, p=shares / shares.sum())]
            evaluate = get(name).function(semantic_inputs(unit(drawn + rng.normal(size=(80, 24)))))
            values.append(evaluate(np.arange(80)))
            left = evaluate.left_out(np.arange(80), np.arange(80), 80)
            errors.append(np.sqrt(79 / 80 * ((left - left.mean()) ** 2).sum()))
        assert np.mean(errors) == pytest.approx(np.std(values, ddof=1), rel=0.2)
