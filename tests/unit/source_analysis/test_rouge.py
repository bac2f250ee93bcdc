"""ROUGE against the package rouge-score, on real answers and on any text."""

from __future__ import annotations

import gzip
import json
from itertools import islice

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from manybaskets.source_analysis.similarity.numbered import number_texts
from manybaskets.source_analysis.similarity.pair_scores import porter_stem
from manybaskets.source_analysis.similarity.rouge import rouge_1, rouge_l, rouge_stem, rouge_words

PACKAGE = RougeScorer(["rouge1", "rougeL"], use_stemmer=True)
WORDS = ["The", "cats", "cat", "running", "runs", "ran", "be", "flies", "42", "naïve", "кот", "…"]
TEXT = st.one_of(st.text(max_size=40), st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join))


def ours(first: list[str], second: list[str]) -> tuple[np.ndarray, np.ndarray]:
    listed = [[rouge_words(text) for text in texts] for texts in (first, second)]
    (one, other), _ = number_texts(listed, rouge_stem(porter_stem()))
    return rouge_1(one, other), rouge_l(one, other)


def package(first: list[str], second: list[str]) -> tuple[list[float], list[float]]:
    scores = [PACKAGE.score(b, a) for a, b in zip(first, second, strict=True)]
    return [s["rouge1"].fmeasure for s in scores], [s["rougeL"].fmeasure for s in scores]


def first_answers(path, count: int) -> list[str]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line)["output"] for line in islice(lines, count)]


def test_real_answers_score_as_in_the_package(alpacaeval):
    first = first_answers(alpacaeval / "gpt-4o.jsonl.gz", 12)
    second = first_answers(alpacaeval / "gemma-7b.jsonl.gz", 12)
    found, expected = ours(first, second), package(first, second)
    assert 0.2 < np.mean(expected[1]) < np.mean(expected[0]) < 0.8
    for values, reference in zip(found, expected, strict=True):
        assert values == pytest.approx(reference, abs=1e-9)


@settings(max_examples=150, deadline=None)
@example([("", "cat"), ("Cats ran", "")])
@example([("кот и пёс", "кот и пёс"), ("naïve", "naïve cats")])
@example([("cats", "cat"), ("a b a b c", "b a c b a")])
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4))
def test_any_texts_score_as_in_the_package(pairs):
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    for values, reference in zip(ours(first, second), package(first, second), strict=True):
        assert values == pytest.approx(reference, abs=1e-9)


def test_rouge_is_symmetric_and_one_for_the_same_text():
    first, second = ["the cats ran home", "one two"], ["home ran a cat", "two one"]
    for forth, back in zip(ours(first, second), ours(second, first), strict=True):
        assert forth == pytest.approx(back, abs=1e-15)
    for values in ours(first, first):
        assert values == pytest.approx([1.0, 1.0], abs=1e-15)
    assert ours(["one two"], ["two one"])[0][0] == 1.0
    assert ours(["one two"], ["two one"])[1][0] == 0.5


def test_words_of_a_prompt_do_not_match_those_of_another():
    assert ours(["cat", "dog"], ["dog", "cat"])[0].tolist() == [0.0, 0.0]


def test_moved_texts_are_set_against_the_other_prompt():
    texts = [["cat", "dog sat"], ["dog", "cat cat"]]
    listed = [[rouge_words(text) for text in each] for each in texts]
    own, moved = number_texts(listed, porter_stem(), np.array([1, 0]))
    assert rouge_1(own[0], own[1]).tolist() == [0.0, 0.0]
    assert rouge_1(own[0], moved[1]) == pytest.approx([2 / 3, 2 / 3])
    assert rouge_l(own[0], moved[1]) == pytest.approx([2 / 3, 2 / 3])
    assert moved[1].lengths.tolist() == [2, 1]
