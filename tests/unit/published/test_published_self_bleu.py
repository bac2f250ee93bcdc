"""Published self-BLEU against sacrebleu itself, and what its sampling does."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lexical_inputs import inputs
from paper_inputs import answers, splitter
from sacrebleu.metrics import BLEU

from manybaskets.measures import get
from manybaskets.published.self_bleu import (
    aggregated,
    eligible_sentences,
    individual,
    published_self_bleu,
)

SCORER = BLEU(max_ngram_order=3, effective_order=True)


def by_sacrebleu(sentences: list[str]) -> float:
    """Every sentence against all others of the list, one by one."""
    if len(sentences) < 2:
        return 100.0
    scores = [
        SCORER.sentence_score(each, sentences[:place] + sentences[place + 1 :]).score
        for place, each in enumerate(sentences)
    ]
    return float(np.mean(scores))


def cut(texts: list[str]) -> list[list[str]]:
    own = splitter()
    return [eligible_sentences(text, own) for text in texts]


@given(
    sentences=st.lists(
        st.text("aAb ,.é1", min_size=1, max_size=25).filter(str.strip), min_size=2, max_size=8
    )
)
@settings(max_examples=60, deadline=None)
def test_self_bleu_equals_sacrebleu(sentences):
    tokens = [SCORER.tokenizer(each.rstrip()).split() for each in sentences]
    assert all(tokens)
    assert published_self_bleu(sentences) == pytest.approx(by_sacrebleu(sentences), abs=1e-9)


def test_self_bleu_of_equal_sentences_and_of_too_few():
    assert published_self_bleu(["one two three four"] * 3) == pytest.approx(100)
    assert published_self_bleu(["one two three four"]) == published_self_bleu([]) == 100
    assert published_self_bleu(["one two three four", "five six seven eight"]) == 0


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("# The *old* mill stands. It is old.", ["The old mill stands."]),
        ("1. 2. The old mill stands.", ["The old mill stands."]),
        ("**1.5** ### Then they all came home", ["1.5  Then they all came home"]),
        ("No. Yes! So it is now.", ["So it is now."]),
        ("", []),
        ("3 1 4 1.", []),
    ],
)
def test_which_sentences_are_eligible(text, kept):
    assert eligible_sentences(text, splitter()) == kept


def test_individual_scores_a_sample_and_skips_single_sentences():
    given_answers = cut(answers(60, 4))
    found = individual(given_answers, 20, 42)
    eligible = [each for each in given_answers if each]
    drawn = random.Random(42).sample(eligible, 20)
    expected = [100 - by_sacrebleu(each) for each in drawn if len(each) > 1]
    assert (found.eligible, found.sampled) == (len(eligible), 20)
    assert len(expected) < 20, "the defect: answers of one sentence are left out"
    assert found.scores == pytest.approx(expected, abs=1e-9)
    assert individual(given_answers, 1500, 42).sampled == len(eligible)


def test_aggregated_pools_a_sample():
    given_answers = cut(answers(60, 5))
    found = aggregated(given_answers, 10, 7)
    drawn = random.Random(7).sample([each for each in given_answers if len(each) > 1], 10)
    pool = [sentence for each in drawn for sentence in each]
    assert (found.answers, found.sentences) == (10, len(pool))
    assert found.score == pytest.approx(100 - by_sacrebleu(pool), abs=1e-9)
    nothing = aggregated([["one sentence of words"], []], 10, 7)
    assert (nothing.score, nothing.answers) == (0, 0)


def test_another_seed_moves_the_aggregated_score_and_no_value_of_the_project():
    """The defect: the place of a file in a list decides which answers are pooled."""
    texts = answers(80, 6)
    scores = [aggregated(cut(texts), 15, seed).score for seed in range(42, 62)]
    assert np.ptp(scores) > 1
    for name in ("sentence_between", "self_bleu"):
        ours = [get(name).function(inputs(texts, seed=seed))(np.arange(80)) for seed in (42, 43)]
        assert ours[0] == ours[1] > 0
