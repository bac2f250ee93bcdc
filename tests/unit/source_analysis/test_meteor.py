"""METEOR against NLTK without WordNet, on real answers and on any text."""

from __future__ import annotations

import gzip
import json
from itertools import islice

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nltk.stem.porter import PorterStemmer
from nltk.translate.meteor_score import single_meteor_score

from manybaskets.measures.tokens import words
from manybaskets.source_analysis.similarity.meteor import meteor
from manybaskets.source_analysis.similarity.numbered import number_texts
from manybaskets.source_analysis.similarity.pair_scores import porter_stem

WORDS = ["the", "cats", "cat", "catting", "run", "running", "runs", "кот", "коты", "a"]
TEXT = st.one_of(st.text(max_size=40), st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join))


class NoWordNet:
    """A WordNet in which no word has a synonym."""

    @staticmethod
    def synsets(word: str) -> list:
        return []


def ours(hypotheses: list[str], references: list[str]) -> tuple[np.ndarray, np.ndarray]:
    listed = [[words(text) for text in texts] for texts in (hypotheses, references)]
    (first, second), _ = number_texts(listed, porter_stem())
    return meteor(first, second)


def nltk_scores(hypotheses: list[str], references: list[str]) -> list[float]:
    return [
        single_meteor_score(
            words(reference),
            words(hypothesis),
            stemmer=PorterStemmer(),
            wordnet=NoWordNet(),
            alpha=0.9,
            beta=3,
            gamma=0.5,
        )
        for hypothesis, reference in zip(hypotheses, references, strict=True)
    ]


def first_answers(path, count: int) -> list[str]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line)["output"] for line in islice(lines, count)]


def test_real_answers_score_as_in_nltk_in_both_directions(alpacaeval):
    first = first_answers(alpacaeval / "gpt-4o.jsonl.gz", 25)
    second = first_answers(alpacaeval / "cohere-command.jsonl.gz", 25)
    forth, back = ours(first, second)
    assert forth == pytest.approx(nltk_scores(first, second), abs=1e-9)
    assert back == pytest.approx(nltk_scores(second, first), abs=1e-9)
    assert 0.1 < forth.mean() < 0.6 and abs(forth.mean() - back.mean()) > 0.02


@settings(max_examples=200, deadline=None)
@example([("", "cat"), ("cat", ""), ("", "")])
@example([("cats cat cats", "cat cats catting"), ("run running runs", "runs run")])
@example([("the cat the cat", "the the cat cat the")])
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4))
def test_any_texts_score_as_in_nltk(pairs):
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    forth, back = ours(first, second)
    assert forth == pytest.approx(nltk_scores(first, second), abs=1e-9)
    assert back == pytest.approx(nltk_scores(second, first), abs=1e-9)


def test_a_text_against_itself_is_one_chunk():
    forth, back = ours(["a b c d"], ["a b c d"])
    assert forth[0] == back[0] == pytest.approx(1 - 0.5 * (1 / 4) ** 3)


def test_recall_weighs_nine_times_precision():
    # Half of the hypothesis matches and all of the reference.
    forth, back = ours(["one two three four"], ["one two"])
    penalty = 1 - 0.5 * (1 / 2) ** 3
    assert forth[0] == pytest.approx(penalty * 0.5 / (0.9 * 0.5 + 0.1))
    assert back[0] == pytest.approx(penalty * 0.5 / (0.9 + 0.1 * 0.5))


def test_scores_of_a_prompt_do_not_depend_on_the_others():
    first, second = ["cats run", "the cat"], ["a cat runs", "cat the"]
    alone = [ours([a], [b])[0][0] for a, b in zip(first, second, strict=True)]
    assert ours(first, second)[0] == pytest.approx(alone, abs=1e-15)
