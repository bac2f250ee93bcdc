"""MAUVE against a loop over its definition, the package where it is installed, and known cases."""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pytest
from semantic_inputs import semantic_inputs, unit
from sklearn.metrics import auc

from manybaskets.measures import SentenceVectors, compute, get
from manybaskets.measures.mauve import divergence_area, k_means, principal_components, scores
from manybaskets.records.measured import EXCLUDED, USED

CONSTANT = {"model": "m", "mix": "human", "seed": 3, "prompt_set": "test"}


def texts(count: int, spread: float, seed: int, topics: int = 12) -> np.ndarray:
    """Unit vectors around some topics."""
    centres = np.random.default_rng(99).normal(size=(topics, 24))
    rng = np.random.default_rng(seed)
    return unit(centres[rng.integers(0, topics, count)] + spread * rng.normal(size=(count, 24)))


def histograms(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two distributions over 40 clusters, with empty ones."""
    rng = np.random.default_rng(seed)
    return tuple(rng.multinomial(300, rng.dirichlet(np.full(40, 0.3))) / 300 for _ in range(2))


def looped_area(p: np.ndarray, q: np.ndarray) -> float:
    def divergence(a: np.ndarray, b: np.ndarray) -> float:
        return sum(x * np.log(x / y) for x, y in zip(a, b, strict=True) if x > 0)

    points = []
    for weight in np.linspace(1e-6, 1 - 1e-6, 25):
        mixed = weight * p + (1 - weight) * q
        points.append((np.exp(-5 * divergence(q, mixed)), np.exp(-5 * divergence(p, mixed))))
    points = sorted([(0.0, 1.0), *points, (1.0, 0.0)], key=lambda point: (point[0], -point[1]))
    x, y = zip(*points, strict=True)
    return auc(x, y)


@pytest.mark.parametrize("seed", range(6))
def test_the_area_is_that_of_the_definition(seed: int) -> None:
    p, q = histograms(seed)
    assert divergence_area(p, q) == pytest.approx(looped_area(p, q), abs=1e-9)
    assert divergence_area(p, q) == pytest.approx(divergence_area(q, p), abs=1e-9)
    assert 0 < divergence_area(p, q) < 0.9


def test_the_same_distribution_has_one_and_disjoint_ones_almost_nothing() -> None:
    p = np.array([0.5, 0.3, 0.2, 0.0])
    assert divergence_area(p, p) == pytest.approx(1.0, abs=1e-9)
    assert divergence_area(np.array([1.0, 0.0]), np.array([0.0, 1.0])) < 0.01


def test_principal_components_are_the_directions_of_most_variance() -> None:
    vectors = texts(200, 0.4, 1)
    centred = vectors - vectors.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    kept = int((np.cumsum(sizes**2) < 0.9 * (sizes**2).sum()).sum()) + 1
    found = principal_components(vectors)
    assert found.shape == (200, kept)
    assert np.abs(found) == pytest.approx(np.abs(left[:, :kept] * sizes[:kept]), abs=1e-9)


def test_vectors_that_are_all_equal_have_one_component() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert principal_components(np.ones((50, 4))).tolist() == [[0.0]] * 50


def test_the_best_of_several_starts_is_kept_and_no_cluster_is_lost() -> None:
    vectors = np.repeat(np.eye(6), 9, axis=0) + 0.01 * texts(54, 1.0, 3)[:, :6]
    label = k_means(vectors, 6, 1)
    assert {tuple(label[start : start + 9]) for start in range(0, 54, 9)} == {
        (each,) * 9 for each in range(6)
    }
    assert np.array_equal(k_means(vectors, 6, 1), label)


# Made by Lloyd's algorithm and an eigendecomposition written out in numpy, with the same starts.
KNOWN = [0.806968767232767, 0.6633599086548468, 0.737060110914409, 0.7588183728182577,
         0.7633953583798535]  # fmt: skip
KNOWN_OF_COPIES = [0.10980265956322327, 0.13465957645152743, 0.10645254672540334,
                   0.13047197638497088, 0.06389379971113628]  # fmt: skip


def test_scores_are_those_of_the_written_out_algorithm() -> None:
    assert scores(texts(1000, 0.8, 2), texts(1000, 0.5, 1)) == pytest.approx(KNOWN, rel=1e-9)
    copies = np.repeat(texts(40, 0.5, 3), 15, axis=0)
    assert scores(copies, texts(600, 0.5, 1)) == pytest.approx(KNOWN_OF_COPIES, rel=1e-9)


def test_the_package_gives_the_same_within_its_seed_noise() -> None:
    mauve = pytest.importorskip("mauve")
    module = sys.modules["mauve.compute_mauve"]
    p, q = histograms(3)
    curve = module.get_divergence_curve_for_multinomials(p, q, np.linspace(1e-6, 1 - 1e-6, 25), 5)
    x, y = curve.T
    area = (auc(x[x.argsort()], y[x.argsort()]) + auc(y[y.argsort()], x[y.argsort()])) / 2
    assert divergence_area(p, q) == pytest.approx(area, abs=1e-9)
    answers, human = texts(1000, 0.5, 1), texts(1000, 0.8, 2)
    theirs = [
        mauve.compute_mauve(
            p_features=answers.astype(np.float32), q_features=human.astype(np.float32), seed=seed
        ).mauve
        for seed in range(5)
    ]
    ours = scores(answers, human)
    assert ours.mean() == pytest.approx(np.mean(theirs), abs=4 * np.std([*ours, *theirs]))


def measured(answers: np.ndarray, human: np.ndarray, draws: int = 0) -> dict:
    count = len(answers)
    given = semantic_inputs(answers, reference=SentenceVectors(human, np.arange(count)))
    ids = given.frame["prompt_id"].to_list()
    rng = np.random.default_rng(0)
    halves = [np.sort(rng.permutation(count)[: count // 2]) for _ in range(draws)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows = compute([get("mauve"), get("mauve_spread")], given, **CONSTANT,
                       all_prompt_ids=ids, draws=halves)  # fmt: skip
    return {
        (name, draw): value for name, draw, value in rows["measure", "draw", "value"].iter_rows()
    }


def test_answers_like_the_human_ones_are_closer_than_others() -> None:
    human = texts(600, 0.5, 1)
    alike, few_topics = (
        measured(made, human) for made in (texts(600, 0.5, 2), texts(600, 0.5, 3, 6))
    )
    assert alike["mauve", 0] > 0.85 > 0.6 > few_topics["mauve", 0]
    assert 0 < alike["mauve_spread", 0] < 0.05
    same = measured(human, human)
    assert (same["mauve", 0], same["mauve_spread", 0]) == (pytest.approx(1.0), pytest.approx(0.0))


def test_the_same_input_has_the_same_value_and_half_samples_have_one() -> None:
    human, answers = texts(1000, 0.5, 1), texts(1000, 0.8, 2)
    first, again = measured(answers, human, draws=2), measured(answers, human, draws=2)
    assert first == again
    assert all(0 < first["mauve", draw] < 1 for draw in (0, 1, 2))
    assert ("mauve_spread", 1) not in first
    assert first["mauve", 0] == scores(answers, human).mean()


def test_small_sets_and_answers_without_a_human_one_are_left_out() -> None:
    few = measured(texts(499, 0.5, 1), texts(499, 0.5, 2))
    assert few["mauve", 0] is None and few["mauve_spread", 0] is None
    answers, human = texts(700, 0.5, 1), texts(700, 0.5, 2)
    owner = np.flatnonzero(np.arange(700) % 7)
    given = semantic_inputs(answers, reference=SentenceVectors(human[owner], owner))
    ids = given.frame["prompt_id"].to_list()
    rows = compute([get("mauve")], given, **CONSTANT, all_prompt_ids=ids)
    value = dict(zip(rows["draw"], rows["value"], strict=True))
    assert (value[USED], value[EXCLUDED]) == (600, 100)
    assert value[0] == scores(answers[owner], human[owner]).mean()
