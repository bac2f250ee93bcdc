"""Rarefaction, Heaps' law, MTLD, HD-D and MATTR against lexicalrichness, scipy and loops."""

from __future__ import annotations

import random
from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lexical_inputs import inputs, random_texts
from lexicalrichness import LexicalRichness
from scipy.stats import linregress

from manybaskets.measures import get
from manybaskets.measures.heaps_law import (
    expected_growth,
    heaps_beta,
    heaps_fit_ok,
    heaps_k,
    heaps_r2,
)
from manybaskets.measures.richness import expected_types, hdd, response_hdd, vocabulary
from manybaskets.measures.running_text import mattr, mtld, response_mattr, response_mtld
from manybaskets.measures.subsets import Subsets
from manybaskets.measures.tokens import words

TEXTS = [*random_texts(60, 2, longest=40, vocabulary=200), "", "..."]
HALF = np.array([1, 4, 5, 9, 12, 13, 20, 21, 30, 33, 40, 41, 47, 55, 59, 60])
EVERYTHING = np.arange(len(TEXTS))


def richness(found: list[str]) -> LexicalRichness:
    return LexicalRichness(found, preprocessor=None, tokenizer=None)


def test_rarefaction_agrees_with_monte_carlo_and_is_exact_at_the_ends() -> None:
    frequencies = np.array([40, 20, 9, 5, 2, 1, 1, 1, 0])
    text = np.repeat(np.arange(9), frequencies)
    rng = np.random.default_rng(3)
    for size in (5, 30):
        found = [len(set(rng.permutation(text)[:size])) for _ in range(4000)]
        error = np.std(found) / np.sqrt(len(found))
        exact = expected_types(frequencies, 79, size)
        assert exact == pytest.approx(np.mean(found), abs=4 * error)
    ends = [expected_types(frequencies, 79, size) for size in (1, 79)]
    assert ends == pytest.approx([1.0, 8.0])


def test_growth_is_the_mean_over_all_choices_of_answers() -> None:
    texts = [set(words(text)) for text in random_texts(7, 4, longest=6)]
    held = Counter(word for each in texts for word in each)
    holders, number = map(np.array, zip(*Counter(held.values()).items(), strict=True))
    expected = [
        np.mean([len(set.union(*chosen)) for chosen in combinations(texts, size)])
        for size in range(1, 8)
    ]
    found = expected_growth(holders, number, 7.0, np.arange(1.0, 8.0))
    assert found == pytest.approx(expected, abs=1e-9)
    between = expected_growth(holders, number, 7.0, np.array([2.5]))
    assert expected[1] < between < expected[2]


def test_heaps_fits_the_mean_growth_over_random_orders_of_the_answers() -> None:
    # Words come in bursts, as in real answers: an order of words would grow faster.
    rng = np.random.default_rng(1)
    texts = []
    for _ in range(200):
        topic = rng.zipf(1.4, size=6) % 5000
        texts.append(" ".join(f"w{word}" for word in rng.choice(topic, size=60)))
    listed = [words(text) for text in texts]
    budget = 12_000
    grid = np.geomspace(600, budget / 2, 20)
    seen = np.zeros((200, 20))
    for order in range(200):
        joined = [word for place in rng.permutation(200) for word in listed[place]]
        first = np.zeros(len(joined))
        known: set[str] = set()
        for place, word in enumerate(joined):
            first[place] = word not in known
            known.add(word)
        seen[order] = np.interp(grid, np.arange(1, len(joined) + 1), np.cumsum(first))
    fit = linregress(np.log(grid), np.log(seen.mean(axis=0)))
    given, everything = inputs(texts, budget=budget), np.arange(200)
    assert heaps_beta(given)(everything) == pytest.approx(fit.slope, abs=0.01)
    assert heaps_k(given)(everything) == pytest.approx(np.exp(fit.intercept), rel=0.05)
    assert heaps_r2(given)(everything) == pytest.approx(fit.rvalue**2, abs=2e-3)


def test_heaps_recovers_a_planted_exponent() -> None:
    # A Zipf law with exponent s > 1 has vocabulary growth N^(1/s), asymptotically.
    rng = np.random.default_rng(5)
    exponent = 1.6
    ranks = rng.zipf(exponent, size=60_000)
    texts = [" ".join(f"w{rank}" for rank in part) for part in np.split(ranks, 300)]
    given = inputs(texts, budget=60_000)
    everything = np.arange(300)
    beta = heaps_beta(given)(everything)
    assert beta == pytest.approx(1 / exponent, abs=0.04)
    fitted = heaps_k(given)(everything) * 30_000**beta
    assert fitted == pytest.approx(vocabulary(given)(everything), rel=0.03)
    assert heaps_fit_ok(given)(everything) == 1.0


def test_heaps_law_is_said_not_to_hold_where_the_vocabulary_is_exhausted() -> None:
    rng = random.Random(0)
    texts = [" ".join(rng.choices([f"w{n}" for n in range(400)], k=50)) for _ in range(400)]
    given = inputs(texts, budget=20_000)
    assert heaps_r2(given)(np.arange(400)) < 0.9
    assert heaps_fit_ok(given)(np.arange(400)) == 0.0


def test_too_little_text_has_no_curve() -> None:
    assert np.isnan(heaps_beta(inputs(["a b c"]))(np.arange(1)))
    assert np.isnan(heaps_fit_ok(inputs(["a b c"]))(np.arange(1)))
    assert np.isnan(vocabulary(inputs(["", "!"]))(np.arange(2)))
    one_long_answer = inputs(["a b c d " * 50])
    assert np.isnan(heaps_k(one_long_answer)(np.arange(1)))


def test_vocabulary_is_compared_at_equal_length_whatever_the_order() -> None:
    rng = random.Random(2)
    texts = [" ".join(rng.choices([f"w{n}" for n in range(300)], k=20)) for _ in range(150)]
    expected = 300 * (1 - (1 - 1 / 300) ** 500)
    short = vocabulary(inputs(texts[:50], budget=1000))(np.arange(50))
    long = vocabulary(inputs(texts[50:], budget=1000))(np.arange(100))
    assert [short, long] == pytest.approx([expected] * 2, rel=0.03)
    shuffled = vocabulary(inputs(texts[:50][::-1], budget=1000))(rng.sample(range(50), 50))
    assert shuffled == pytest.approx(short, rel=1e-12)


def test_words_do_not_run_into_the_next_answer() -> None:
    assert vocabulary(inputs(["end", "Start"], budget=4))(np.arange(2)) == pytest.approx(2.0)


@pytest.mark.parametrize("index", [EVERYTHING, HALF], ids=["all", "half"])
def test_richness_of_a_set_equals_lexicalrichness_on_the_joined_answers(index: np.ndarray) -> None:
    given = inputs(TEXTS, seed=3)
    read = [row for row in np.argsort(given.orders(1)[0]) if row in index]
    expected = richness([word for row in read for word in words(TEXTS[row])])
    assert mtld(given)(index) == pytest.approx(expected.mtld(), abs=1e-9)
    assert mattr(given)(index) == pytest.approx(expected.mattr(), abs=1e-9)
    assert hdd(given)(index) == pytest.approx(expected.hdd(), abs=1e-9)
    backwards = richness([word for row in read[::-1] for word in words(TEXTS[row])])
    assert abs(backwards.mattr() - expected.mattr()) > 1e-6


def test_many_sets_at_once_are_the_sets_one_by_one() -> None:
    given = inputs(TEXTS, seed=3)
    rng = np.random.default_rng(0)
    indices = [EVERYTHING, HALF, np.array([60]), *(rng.permutation(62)[:31] for _ in range(5))]
    for measure in (mtld, mattr, hdd, vocabulary, heaps_beta):
        together = measure(given).many(Subsets(indices, len(TEXTS)))
        one_by_one = [measure(inputs(TEXTS, seed=3))(index) for index in indices]
        assert together == pytest.approx(one_by_one, abs=1e-12, nan_ok=True)
        assert np.isnan(together[2]) and not np.isnan(together[0])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 40), max_size=260), min_size=1, max_size=4))
def test_richness_of_answers_equals_lexicalrichness(numbers: list[list[int]]) -> None:
    texts = [" ".join(f"w{number}" for number in each) for each in numbers]
    given = inputs(texts)
    found = zip(
        texts, response_mtld(given), response_hdd(given), response_mattr(given), strict=True
    )
    for text, *values in found:
        expected = richness(text.split())
        references = [
            expected.mtld() if expected.words >= 50 else None,
            expected.hdd() if expected.words >= 42 else None,
            expected.mattr() if expected.words >= 100 else None,
        ]
        assert [value is None for value in values] == [each is None for each in references]
        known = [(a, b) for a, b in zip(values, references, strict=True) if a is not None]
        assert [a for a, _ in known] == pytest.approx([b for _, b in known], rel=1e-9)


def test_a_text_without_repeats_is_one_factor() -> None:
    text = " ".join(f"w{number}" for number in range(150))
    assert response_mtld(inputs([text])) == [150.0]
    assert richness(text.split()).mtld() == 150.0


def test_factors_longer_than_one_look_ahead_are_found() -> None:
    rng = random.Random(4)
    words_of = [f"w{rng.randint(0, 900)}" for _ in range(4000)]
    expected = richness(words_of).mtld()
    assert expected > 250
    assert response_mtld(inputs([" ".join(words_of)])) == pytest.approx([expected], rel=1e-12)


def test_sets_too_small_for_a_measure_have_no_value() -> None:
    for name, fewest in {"mtld": 50, "hdd": 42, "mattr": 100}.items():
        for count in (fewest - 1, fewest):
            text = " ".join(f"w{number % 9}" for number in range(count))
            value = get(name).function(inputs([text]))(np.arange(1))
            (alone,) = get(f"response_{name}").function(inputs([text]))
            assert np.isnan(value) == (alone is None) == (count < fewest)
