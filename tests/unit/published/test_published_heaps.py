"""Published fit of Heaps' law, against the prefixes that the study reads one by one."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from lexical_inputs import inputs
from nltk.tokenize import NLTKWordTokenizer
from nltk.tokenize.punkt import PunktSentenceTokenizer
from paper_inputs import answers, splitter
from scipy.optimize import curve_fit

from manybaskets.measures import get
from manybaskets.published.heaps import Growth, growth_in_order, linear_fit


def test_growth_equals_reading_every_prefix():
    texts = answers(250, 8)
    glued = "".join(texts).replace("#", "").replace("*", "").lower()
    tokenizer = NLTKWordTokenizer()
    tokens = [w for s in PunktSentenceTokenizer().tokenize(glued) for w in tokenizer.tokenize(s)]
    expected = {n: len(set(tokens[:n])) for n in range(1000, len(tokens) + 1, 1000)}
    found = growth_in_order(texts, splitter())
    assert len(expected) >= 5
    assert dict(zip(found.tokens, found.types, strict=True)) == expected


def test_the_fit_is_that_of_scipy_in_linear_space():
    rng = np.random.default_rng(1)
    texts = [" ".join(f"w{int(n)}" for n in rng.zipf(1.3, 40) % 5000) + ". " for _ in range(200)]
    grown = growth_in_order(texts, splitter())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = linear_fit(grown)
    (scale, exponent), _ = curve_fit(
        lambda n, k, beta: k * np.power(n, beta), grown.tokens, grown.types, p0=[1, 1]
    )
    assert found == pytest.approx({"K": scale, "beta": exponent}, rel=1e-6)
    log_log = np.polyfit(np.log(grown.tokens), np.log(grown.types), 1)
    assert abs(found["beta"] - log_log[0]) > 1e-4, "another number, which shares no column with it"


def test_words_are_glued_where_answers_meet_and_the_order_counts():
    """The defect: "end" and "Start" are one type, and another order gives other counts."""
    own = splitter()
    filler = " w" * 995 + " "
    glued = growth_in_order([filler, "the end", "Start again x", filler], own)
    apart = growth_in_order([filler, "the end ", "Start again x", filler], own)
    assert glued.types[0] == len({"w", "the", "endstart", "again", "x"})
    assert apart.types[0] == len({"w", "the", "end", "start", "again", "x"})
    texts = answers(250, 9)
    one, other = growth_in_order(texts, own), growth_in_order(texts[::-1], own)
    assert one.types.tolist() != other.types.tolist()
    # The project's own: no word crosses from one answer to the next, and no order counts.
    vocabulary = get("vocabulary").function
    apart = vocabulary(inputs(["the end", "Start again"], budget=8))(np.arange(2))
    assert apart == pytest.approx(4)
    ours = [vocabulary(inputs(each))(np.arange(250)) for each in (texts, texts[::-1])]
    assert ours[0] == pytest.approx(ours[1], rel=1e-12)


@pytest.mark.parametrize("texts", [[], [""], ["one two three"], ["word " * 2500]])
def test_too_few_tokens_give_no_fit(texts):
    assert linear_fit(growth_in_order(texts, splitter())) == {}


def test_counts_that_no_curve_follows_give_no_fit_and_no_warning():
    tokens = 1000 * np.arange(1.0, 6.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        flat = linear_fit(Growth(tokens, np.full(5, 7.0)))
        assert linear_fit(Growth(tokens[:3], np.array([1.0, 2.0, 900.0]))) == {}
    assert flat == pytest.approx({"K": 7, "beta": 0}, abs=1e-6)
