"""Lexical measures against sacrebleu, Monte Carlo and counts by hand."""

from __future__ import annotations

import random
import time

import numpy as np
import polars as pl
import pytest
from sacrebleu.metrics import BLEU

from manybaskets.measures import Inputs
from manybaskets.measures.lexical import (
    SelfBleu,
    heaps_beta,
    heaps_k,
    rarefied,
    response_tokens,
    response_words,
    self_bleu,
    vocabulary,
    words,
)

BLEU_3 = BLEU(max_ngram_order=3, effective_order=True, smooth_method="exp", tokenize="13a")


def inputs(texts: list[str], budget: int = 1000) -> Inputs:
    frame = pl.DataFrame(
        {
            "prompt_id": [f"{place:05d}" for place in range(len(texts))],
            "text": texts,
            "completion_tokens": list(range(len(texts))),
        },
        schema_overrides={"completion_tokens": pl.Int32},
    )
    return Inputs(frame=frame, token_budget=budget)


def random_texts(count: int, seed: int, longest: int = 14, vocabulary: int = 12) -> list[str]:
    rng = random.Random(seed)
    names = [f"w{number}" for number in range(vocabulary)] + ["The", "the", "U.S.", "1,000", "end."]
    return [" ".join(rng.choices(names, k=rng.randint(1, longest))) for _ in range(count)]


def by_sacrebleu(texts: list[str]) -> np.ndarray:
    return np.array(
        [
            BLEU_3.sentence_score(text, texts[:place] + texts[place + 1 :]).score
            for place, text in enumerate(texts)
        ]
    )


SPECIAL = {
    "identical": ["a b c d"] * 4,
    "two identical, one other": ["a b c d", "a b c d", "x y z"],
    "no overlap": ["a b c", "d e f", "g h i j"],
    "one and two tokens": ["a", "a b", "b", "c d", "a b c"],
    "ties in length": ["a b c d", "a b", "a b c d e f", "a b c d e f", "x y"],
    "repeats inside": ["a a a a", "a a b", "a a a a a a a"],
    "case and punctuation": ["The end. Yes!", "the end, yes", "THE END", "end. The"],
    "space at the ends": ["  a b c \n", "a b c", "\tb c"],
}


@pytest.mark.parametrize("texts", SPECIAL.values(), ids=SPECIAL.keys())
def test_self_bleu_equals_sacrebleu_on_special_cases(texts: list[str]) -> None:
    exact = SelfBleu(texts).scores(np.arange(len(texts)))
    assert exact == pytest.approx(by_sacrebleu(texts), abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_self_bleu_equals_sacrebleu_on_random_texts(seed: int) -> None:
    texts = random_texts(50, seed)
    exact = SelfBleu(texts).scores(np.arange(50))
    expected = by_sacrebleu(texts)
    assert len(set(expected.round(6))) > 20
    assert exact == pytest.approx(expected, abs=1e-9)


def test_self_bleu_of_a_subset_knows_only_the_subset() -> None:
    texts = random_texts(40, 9)
    index = np.array([3, 39, 0, 17, 21, 8])
    exact = SelfBleu(texts).scores(index)
    assert exact == pytest.approx(by_sacrebleu([texts[row] for row in index]), abs=1e-9)


def test_self_bleu_leaves_out_empty_answers_and_is_undefined_on_one() -> None:
    texts = ["a b c", "", "a b d", "   ", "a b c e"]
    whole = self_bleu(inputs(texts))
    full = [text for text in texts if text.strip()]
    assert whole(np.arange(5)) == pytest.approx(by_sacrebleu(full).mean(), abs=1e-9)
    assert np.isnan(whole(np.array([0, 1, 3])))
    assert np.isnan(self_bleu(inputs(["", ""]))(np.arange(2)))


def test_self_bleu_is_fast_enough_for_half_samples() -> None:
    texts = random_texts(200, 1, longest=120, vocabulary=2000)
    evaluate = self_bleu(inputs(texts))
    rng = np.random.default_rng(0)
    started = time.perf_counter()
    for _ in range(100):
        evaluate(rng.permutation(200)[:100])
    assert time.perf_counter() - started < 5


def test_words() -> None:
    assert words("Don’t stop—it's état-major, no_1: 3.5!") == (
        ["don't", "stop", "it's", "état", "major", "no", "1", "3", "5"]
    )
    assert words(" .,;! ") == []


def test_lengths_count_words_and_tokens() -> None:
    given = inputs(["One two.", "", "a-b c"])
    assert response_words(given) == [2.0, 0.0, 3.0]
    assert response_tokens(given) == [0.0, 1.0, 2.0]


def test_rarefaction_agrees_with_monte_carlo_and_is_exact_at_the_ends() -> None:
    frequencies = np.array([40, 20, 9, 5, 2, 1, 1, 1, 0])
    text = np.repeat(np.arange(9), frequencies)
    rng = np.random.default_rng(3)
    for size in (5, 30):
        found = [len(set(rng.permutation(text)[:size])) for _ in range(4000)]
        error = np.std(found) / np.sqrt(len(found))
        assert rarefied(frequencies, np.array([size]))[0] == pytest.approx(
            np.mean(found), abs=4 * error
        )
    assert rarefied(frequencies, np.array([1, 79])) == pytest.approx([1.0, 8.0])


def test_heaps_recovers_a_planted_exponent() -> None:
    # A Zipf law with exponent s > 1 has vocabulary growth N^(1/s), asymptotically.
    rng = np.random.default_rng(5)
    exponent = 1.6
    ranks = rng.zipf(exponent, size=60_000)
    texts = [" ".join(f"w{rank}" for rank in part) for part in np.split(ranks, 300)]
    given = inputs(texts, budget=60_000)
    everything = np.arange(300)
    assert heaps_beta(given)(everything) == pytest.approx(1 / exponent, abs=0.04)
    fitted = heaps_k(given)(everything) * 30_000 ** heaps_beta(given)(everything)
    assert fitted == pytest.approx(vocabulary(given)(everything), rel=0.03)


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


def test_too_little_text_has_no_curve() -> None:
    assert np.isnan(heaps_beta(inputs(["a b c"]))(np.arange(1)))
    assert np.isnan(vocabulary(inputs(["", "!"]))(np.arange(2)))
