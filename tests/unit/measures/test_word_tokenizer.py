"""A tokenizer from the config in place of the rules: words, cuts, budgets, what it does not know."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from manybaskets.config.evaluation import Words
from manybaskets.errors import UserError
from manybaskets.measures import Inputs, get
from manybaskets.measures.growth import vocabulary_growth
from manybaskets.measures.measuring import inputs_of, match_prompts
from manybaskets.measures.word_tokenizer import word_tokenizer
from manybaskets.records.responses import write_responses

WORDS = ["แม่น้ำ", "ไหล", "จาก", "เนินเขา", "ผ่าน", "โรงสี", "เก่า"]
THAI = ["".join(np.roll(WORDS, place)) for place in range(6)]


@pytest.fixture
def settings(tmp_path) -> dict:
    """A tokenizer that knows seven Thai words, and whitespace between them."""
    pieces = [(word, -1.0) for word in WORDS] + [("<unk>", -20.0)]
    made = Tokenizer(models.Unigram(pieces, unk_id=len(WORDS)))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.save(str(tmp_path / "tokenizer.json"))
    return Words(tokenizer=str(tmp_path), languages=["th", "en"]).model_dump()


def given(settings: dict | None, texts: list[str] = THAI) -> Inputs:
    ids = [f"{place:02d}" for place in range(len(texts))]
    return Inputs(
        pl.DataFrame({"prompt_id": ids, "text": texts}),
        token_budget=20,
        shortest_words=dict.fromkeys(ids, 3),
        tokenizer=word_tokenizer(settings),
    )


def test_words_are_the_tokenizers_tokens(settings) -> None:
    inputs = given(settings)
    assert get("response_words").function(inputs) == [7.0] * 6
    assert get("response_words").unknown(inputs).tolist() == [False] * 6
    assert get("response_words").unknown(given(None)).tolist() == [True] * 6
    everything = np.arange(6)
    assert 5 < get("vocabulary").function(inputs)(everything) < 7
    assert get("distinct_1").function(inputs)(everything) == pytest.approx(7 / 42)
    assert get("distinct_1@len_matched").function(inputs)(everything) == pytest.approx(7 / 18)
    turned = given(settings, [THAI[0], "".join(WORDS[::-1])])
    assert 1 < get("self_bleu").function(turned)(np.arange(2)) < 50
    same = get("self_bleu").function(given(settings, THAI[:1] * 6))
    assert same(everything) == pytest.approx(100.0)


def test_answers_are_cut_after_whole_tokens(settings) -> None:
    tokenizer = word_tokenizer(settings)
    assert tokenizer.first_words(THAI[0], 3) == "".join(WORDS[:3])
    assert tokenizer.first_words(THAI[0], 7) == THAI[0] and tokenizer.first_words(THAI[0], 0) == ""


def test_texts_of_unknown_tokens_or_languages_are_not_known(settings) -> None:
    known = word_tokenizer(settings).divides
    assert known(THAI[0]) and known("") and not known("Bread and butter.")
    assert not known("Хлеб и масло.")


def test_matched_prompts_carry_the_tokenizer_to_the_measures(settings, tmp_path) -> None:
    rows = [
        {"prompt_id": f"{n:02d}-0", "sample": 0, "turn": 0, "text": text, "finish_reason": "stop",
         "prompt_tokens": 1, "completion_tokens": 1, "attempts": 1, "error": None}
        for n, text in enumerate(THAI)
    ]  # fmt: skip
    write_responses(rows, tmp_path / "a.parquet", {})
    matched = json.loads(json.dumps(match_prompts([("test", tmp_path / "a.parquet")], settings)))
    assert matched["test"]["shortest_words"] == [7] * 6 and matched["test"]["token_budget"] == 42
    plain = match_prompts([("test", tmp_path / "a.parquet")])["test"]
    assert plain["shortest_words"] == [1] * 6 and "words" not in plain
    split = pl.DataFrame({"prompt_id": [], "response": [], "category": []}, schema=dict.fromkeys(
        ("prompt_id", "response", "category"), pl.String))  # fmt: skip
    inputs = inputs_of(
        tmp_path / "a.parquet", [get("response_words")], matched=matched["test"], likelihood=None,
        vectors=None, split=split, truth=None, seed=1,
    )  # fmt: skip
    assert get("response_words").function(inputs) == [7.0] * 6


def test_growth_counts_tokens(settings) -> None:
    sizes, types = vocabulary_growth(THAI, np.array([7.0, 42.0]), word_tokenizer(settings))
    assert sizes.tolist() == [7.0, 42.0] and types == pytest.approx([7.0, 7.0])


def test_a_tokenizer_that_is_not_there(tmp_path) -> None:
    with pytest.raises(UserError, match="tokenizer of words does not exist"):
        word_tokenizer({"tokenizer": str(tmp_path / "none")})
