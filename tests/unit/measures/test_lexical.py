"""Words, sentences, lengths and self-BLEU against sacrebleu, nltk and counts by hand."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lexical_inputs import inputs, random_texts
from nltk.tokenize.punkt import PunktSentenceTokenizer
from sacrebleu.metrics import BLEU

from manybaskets.measures.lexical import (
    SelfBleu,
    response_characters,
    response_tokens,
    response_words,
    self_bleu,
    sentence_between,
    sentence_within,
)
from manybaskets.measures.tokens import Corpus, first_words, sentences, words

BLEU_3 = BLEU(max_ngram_order=3, effective_order=True, smooth_method="exp", tokenize="13a")


def by_sacrebleu(texts: list[str], owners: list[int] | None = None) -> np.ndarray:
    """Scores of texts against those of all other owners, by the loop."""
    owners = list(range(len(texts))) if owners is None else owners
    return np.array(
        [
            BLEU_3.sentence_score(
                text, [other for other, each in zip(texts, owners, strict=True) if each != owner]
            ).score
            for text, owner in zip(texts, owners, strict=True)
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
    index = np.array([0, 3, 8, 17, 21, 39])
    exact = SelfBleu(texts).scores(index)
    assert exact == pytest.approx(by_sacrebleu([texts[row] for row in index]), abs=1e-9)
    whole = self_bleu(inputs(texts))
    assert whole(index[::-1]) == pytest.approx(exact.mean(), abs=1e-9)


def test_self_bleu_leaves_out_empty_answers_and_is_undefined_on_one() -> None:
    texts = ["a b c", "", "a b d", "   ", "a b c e"]
    whole = self_bleu(inputs(texts))
    full = [text for text in texts if text.strip()]
    assert whole(np.arange(5)) == pytest.approx(by_sacrebleu(full).mean(), abs=1e-9)
    assert whole.counted.tolist() == [True, False, True, False, True]
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


def answers_of_sentences(seed: int) -> tuple[list[str], list[str], list[int]]:
    """Answers, their sentences, and the answer of each sentence; some have none."""
    lines = [text for text in random_texts(80, seed, longest=9) if sentences(text) == [text]]
    rng = np.random.default_rng(seed)
    owners = sorted(rng.integers(0, 16, size=len(lines)).tolist())
    answers = [
        "\n".join(line for line, owner in zip(lines, owners, strict=True) if owner == each)
        for each in range(18)
    ]
    return answers, lines, owners


@pytest.mark.parametrize("seed", range(3))
def test_sentences_between_answers_equal_sacrebleu(seed: int) -> None:
    answers, lines, owners = answers_of_sentences(seed)
    evaluate = sentence_between(inputs(answers))
    expected = by_sacrebleu(lines, owners)
    assert expected.std() > 1
    assert evaluate(np.arange(18)) == pytest.approx(expected.mean(), abs=1e-9)
    assert evaluate.counted.tolist() == [each in owners for each in range(18)]
    index = np.array([1, 4, 5, 9, 11, 17])
    chosen = [place for place, owner in enumerate(owners) if owner in index]
    part = by_sacrebleu([lines[p] for p in chosen], [owners[p] for p in chosen])
    assert evaluate(index) == pytest.approx(part.mean(), abs=1e-9)


def test_a_length_that_only_the_own_answer_has_is_no_reference_length() -> None:
    # The two long sentences are of one answer: the closest length of another answer is 2.
    answers = ["a b c d e f\na b c d e f", "a b", "a c"]
    lines, owners = ["a b c d e f", "a b c d e f", "a b", "a c"], [0, 0, 1, 2]
    found = sentence_between(inputs(answers))(np.arange(3))
    assert found == pytest.approx(by_sacrebleu(lines, owners).mean(), abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_sentences_within_an_answer_equal_sacrebleu(seed: int) -> None:
    answers, lines, owners = answers_of_sentences(seed)
    for each, found in enumerate(sentence_within(inputs(answers))):
        own = [line for line, owner in zip(lines, owners, strict=True) if owner == each]
        if len(own) < 2:
            assert found is None
        else:
            assert found == pytest.approx(by_sacrebleu(own).mean(), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=6), min_size=2, max_size=7))
def test_self_bleu_equals_sacrebleu_on_any_few_words(listed: list[list[str]]) -> None:
    texts = [" ".join(each) for each in listed]
    exact = SelfBleu(texts).scores(np.arange(len(texts)))
    assert exact == pytest.approx(by_sacrebleu(texts), abs=1e-9)


def test_words() -> None:
    assert words("Don’t stop—it's état-major, no_1: 3.5!") == (
        ["don't", "stop", "it's", "état", "major", "no", "1", "3", "5"]
    )
    assert words("DON'T stop-it no_1: 3.5! x'") == ["don't", "stop", "it", "no", "1", "3", "5", "x"]
    assert words(" .,;! ") == words("🙂 …") == []


def test_words_of_other_scripts() -> None:
    assert words("हिन्दी में लिखा।") == ["हिन्दी", "में", "लिखा"]
    assert words("Привет, мир! مرحبا بالعالم") == ["привет", "мир", "مرحبا", "بالعالم"]
    assert words("我爱AI。東京タワー") == ["我", "爱", "ai", *"東京タワー"]
    assert words("가나 다라") == ["가나", "다라"]
    assert words("ภาษาไทย") == ["ภาษาไทย"]
    assert words("e\u0301tat \u00e9tat") == ["état", "état"]


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60), st.integers(0, 12))
def test_a_text_that_is_cut_has_the_first_words(text: str, count: int) -> None:
    cut = first_words(text, count)
    assert text.startswith(cut)
    assert words(cut) == words(text)[:count]
    if count and len(words(text)) <= count:
        assert cut == text


SPLIT = {
    "Two sentences. Here is one!": ["Two sentences.", "Here is one!"],
    "Dr. Smith met J. Doe at 3.5 m, e.g. Here? Yes.": [
        "Dr. Smith met J. Doe at 3.5 m, e.g. Here?",
        "Yes.",
    ],
    'He said "Go." Then he left... and came back.': [
        'He said "Go."',
        "Then he left... and came back.",
    ],
    "# Title\n\n1. First thing\n2. Second. Thing": [
        "# Title",
        "1. First thing",
        "2. Second.",
        "Thing",
    ],
    "She said no. Then I read No. 7 in vol. 3. So what?": [
        "She said no.",
        "Then I read No. 7 in vol. 3.",
        "So what?",
    ],
    "So did I. You too?": ["So did I.", "You too?"],
    "我来了。你好吗？好！": ["我来了。", "你好吗？", "好！"],
    "यह है। वह है।": ["यह है।", "वह है।"],
    "***\n---\n!!!": [],
    "": [],
    "no end": ["no end"],
}


@pytest.mark.parametrize("text", SPLIT)
def test_sentences(text: str) -> None:
    assert sentences(text) == SPLIT[text]


def test_sentences_agree_with_punkt_on_plain_english() -> None:
    text = (
        "The river rose at night. Nobody had expected it! Who could sleep then? We took 12.5 bags "
        "of sand, and the wall held (it was close). By noon the sun was out. \"It is over,\" she "
        "said. The road stayed closed for 3 days. After that, life went on."
    )  # fmt: skip
    assert sentences(text) == PunktSentenceTokenizer().tokenize(text)
    assert len(sentences(text)) == 8


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="aB1 .!?\n\"')。", max_size=40))
def test_sentences_keep_all_words_in_order(text: str) -> None:
    assert [word for each in sentences(text) for word in words(each)] == words(text)


def test_lengths_count_words_characters_and_tokens() -> None:
    given = inputs(["One two.", "", "a-b cé"])
    assert response_words(given) == [2.0, 0.0, 3.0]
    assert response_characters(given) == [8.0, 0.0, 6.0]
    assert response_tokens(given) == [0.0, 1.0, 2.0]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from("abcd"), max_size=7), max_size=6),
    st.lists(st.integers(0, 8), min_size=6, max_size=6),
)
def test_a_corpus_cut_to_first_words_is_the_corpus_of_the_cut_texts(
    listed: list[list[str]], limits: list[int]
) -> None:
    cut = Corpus.of(listed).first(np.array(limits[: len(listed)], dtype=np.int64))
    names = list(Corpus.of(listed).vocabulary)
    expected = [each[:limit] for each, limit in zip(listed, limits, strict=False)]
    assert [names[number] for number in cut.ids] == [word for each in expected for word in each]
    assert cut.lengths.tolist() == [len(each) for each in expected]
