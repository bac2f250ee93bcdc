"""Energy distances of sources against loops, scipy, and distributions whose distance is known."""

from __future__ import annotations

import itertools

import numpy as np
import polars as pl
import pytest
from scipy.spatial.distance import cdist

from manybaskets.config.evaluation import Statistics
from manybaskets.source_analysis.distances import vector_distances
from manybaskets.source_analysis.pairs import PAIRS

SETTINGS = Statistics(answer_swaps=199)


def ids_of(count: int) -> list[str]:
    return [f"{place:04d}-0" for place in range(count)]


def drawn(seed: int, count: int = 60, dimensions: int = 4, shift: float = 0.0) -> np.ndarray:
    found = np.random.default_rng(seed).normal(size=(count, dimensions))
    found[:, 0] += shift
    return found


def pair(table: pl.DataFrame, first: str, second: str) -> dict:
    return table.filter((pl.col("first") == first) & (pl.col("second") == second)).row(
        0, named=True
    )


def looped(x: np.ndarray, y: np.ndarray, texts: list[str]) -> float:
    above = below = 0.0
    for i, j in itertools.permutations(range(len(x)), 2):
        if texts[i] == texts[j]:
            continue
        across = np.linalg.norm(x[i] - y[j]) + np.linalg.norm(x[j] - y[i])
        above += across - np.linalg.norm(x[i] - x[j]) - np.linalg.norm(y[i] - y[j])
        below += across
    return above / below


def test_the_coefficient_is_that_of_a_loop_and_its_interval_a_jackknife():
    x, y = drawn(1, 14), drawn(2, 14, shift=1.0)
    ids = [*ids_of(12), "0003-1", "0003-2"]
    texts = [each[:4] for each in ids]
    found = pair(vector_distances({"a": x, "b": y}, ids, SETTINGS, 1), "a", "b")
    assert found["value"] == pytest.approx(looped(x, y, texts), abs=1e-10)
    names = sorted(set(texts))
    left_out = []
    for name in names:
        kept = [place for place, text in enumerate(texts) if text != name]
        left_out.append(looped(x[kept], y[kept], [texts[place] for place in kept]))
    error = np.sqrt((len(names) - 1) / len(names) * np.sum((left_out - np.mean(left_out)) ** 2))
    assert found["high"] - found["low"] == pytest.approx(2 * 2.200985 * error, rel=1e-5)
    assert (found["n_prompts"], found["n_excluded"]) == (14, 0)


def test_the_estimate_is_unbiased_where_distributions_are_equal():
    values = [
        pair(vector_distances({"a": drawn(s, 30), "b": drawn(900 + s, 30)}, ids_of(30),
                              Statistics(answer_swaps=0), 1), "a", "b")["value"]
        for s in range(60)
    ]  # fmt: skip
    error = np.std(values, ddof=1) / np.sqrt(len(values))
    assert abs(np.mean(values)) < 3 * error
    assert min(values) < 0 < max(values)


def test_answers_to_the_same_prompt_may_resemble_each_other():
    prompts = drawn(5, 80) * 3
    values = []
    for seed in range(30):
        noise = np.random.default_rng(seed).normal(size=(2, 80, 4)) * 0.5
        table = vector_distances(
            {"a": prompts + noise[0], "b": prompts + noise[1]},
            ids_of(80),
            Statistics(answer_swaps=0),
            1,
        )
        values.append(pair(table, "a", "b")["value"])
    assert abs(np.mean(values)) < 3 * np.std(values, ddof=1) / np.sqrt(30)


def test_two_points_are_one_apart_and_equal_answers_not_at_all():
    points = {"a": np.zeros((5, 3)), "b": np.ones((5, 3)), "c": np.zeros((5, 3))}
    found = vector_distances(points, ids_of(5), SETTINGS, 1)
    assert pair(found, "a", "b")["value"] == pytest.approx(1.0)
    assert pair(found, "a", "c")["value"] == 0.0
    assert pair(found, "a", "c")["p"] is None


def test_distant_sources_are_told_from_swaps_and_like_ones_are_not():
    found = vector_distances(
        {"a": drawn(1), "b": drawn(2), "far": drawn(3, shift=2.0)}, ids_of(60), SETTINGS, 1
    )
    far, near = pair(found, "a", "far"), pair(found, "a", "b")
    assert far["p"] == pytest.approx(1 / 200)
    assert far["floor"] < far["low"] < far["value"] < far["high"] < 1
    assert near["p"] > 0.02 and near["value"] < 2 * near["floor"]
    large = cdist(drawn(1), drawn(3, shift=2.0))
    energy = 2 * large.mean() - cdist(drawn(1), drawn(1)).sum() / 60 / 59
    energy -= cdist(drawn(3), drawn(3)).sum() / 60 / 59
    assert far["value"] == pytest.approx(energy / (2 * large.mean()), rel=0.02)


def test_p_of_equal_sources_is_uniform():
    p = [
        pair(vector_distances({"a": drawn(s, 24), "b": drawn(500 + s, 24)}, ids_of(24),
                              Statistics(answer_swaps=99), s), "a", "b")["p"]
        for s in range(80)
    ]  # fmt: skip
    assert 0.35 < np.mean(p) < 0.65
    assert np.mean(np.array(p) <= 0.1) < 0.25


def test_rows_stand_in_both_orders_and_order_changes_nothing():
    vectors = {"a": drawn(1), "b": drawn(2, shift=1), "c": drawn(3, shift=2)}
    ids = ids_of(60)
    found = vector_distances(vectors, ids, SETTINGS, 1)
    assert found.schema == PAIRS and found.height == 6
    assert pair(found, "a", "b")["value"] == pair(found, "b", "a")["value"]
    order = np.random.default_rng(0).permutation(60)
    moved = {name: vectors[name][order] for name in ("c", "a", "b")}
    again = vector_distances(moved, [ids[place] for place in order], SETTINGS, 1)
    one, two = (each.sort("first", "second") for each in (found, again))
    assert one["value"].to_list() == pytest.approx(two["value"].to_list(), abs=1e-12)
    assert one["low"].to_list() == pytest.approx(two["low"].to_list(), abs=1e-12)
    assert one["p"].to_list() == pytest.approx(two["p"].to_list(), abs=1e-12)


def test_answers_without_a_vector_are_left_out_in_all_sources():
    vectors = {"a": drawn(1, 20), "b": drawn(2, 20, shift=1)}
    vectors["a"][3] = np.nan
    found = pair(vector_distances(vectors, ids_of(20), SETTINGS, 1), "a", "b")
    kept = [place for place in range(20) if place != 3]
    fewer = {name: each[kept] for name, each in vectors.items()}
    expected = pair(vector_distances(fewer, ids_of(19), SETTINGS, 1), "a", "b")
    assert found["value"] == pytest.approx(expected["value"])
    assert (found["n_prompts"], found["n_excluded"]) == (19, 1)


def test_one_source_or_two_prompts_give_no_rows():
    assert vector_distances({"a": drawn(1)}, ids_of(60), SETTINGS, 1).height == 0
    assert (
        vector_distances({"a": drawn(1, 2), "b": drawn(2, 2)}, ids_of(2), SETTINGS, 1).height == 0
    )
    assert (
        vector_distances({"a": drawn(1, 2), "b": drawn(2, 2)}, ids_of(2), SETTINGS, 1).schema
        == PAIRS
    )
