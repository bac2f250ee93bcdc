"""Answers in languages that a measure does not know have no value, and the summary says why."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from sacrebleu import BLEU

from manybaskets.config.evaluation import Statistics
from manybaskets.measures import Inputs, SentenceVectors, compute, get
from manybaskets.measures.lexical import bleu_tokens
from manybaskets.measures.swap_tests import pair_of, swap_values
from manybaskets.records.measured import UNKNOWN
from manybaskets.statistics.summary import summarise

THAI = "แม่น้ำสายนี้ไหลจากเนินเขาผ่านโรงสีเก่า"
CHINESE = [
    "这条河从山上流下来，经过老磨坊。",
    "镇上的人靠雕刻木头为生！",
    "每个星期六都有集市 OK 3.5 元。",
]
CONSTANT = {"model": "m", "mix": "human", "seed": 1, "prompt_set": "test"}
IDS = [f"{place:03d}" for place in range(40)]
ENGLISH = [
    f"River number {place} runs past mill {place * 7 % 40} and falls." for place in range(40)
]


def given(unknown: int = 0, thai: int = 0) -> Inputs:
    texts = [THAI] * thai + ENGLISH[thai:]
    mask = np.arange(40) < unknown
    vectors = np.random.default_rng(1).normal(size=(40, 6)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = np.arange(40) if unknown <= 4 else np.zeros(0, dtype=np.int64)
    rows = rows[~mask[rows]]
    return Inputs(
        frame=pl.DataFrame({"prompt_id": IDS, "text": texts}),
        token_budget=200,
        embeddings=SentenceVectors(vectors[rows], rows),
        unknown=mask,
        shortest_words=dict.fromkeys(IDS, 4),
    )


def summary_of(name: str, inputs: Inputs) -> dict:
    halves = [np.arange(0, 40, 2), np.arange(1, 40, 2)]
    rows = compute([get(name)], inputs, **CONSTANT, all_prompt_ids=IDS, draws=halves)
    (line,) = summarise(rows, Statistics(bootstrap_resamples=200), 1).to_dicts()
    unknown = rows.filter(draw=UNKNOWN)["value"].to_list()
    return line | {"unknown": unknown}


@pytest.mark.parametrize("name", ["remote_clique", "remote_clique@len_matched", "vendi", "chamfer"])
def test_a_set_that_the_encoder_does_not_know_has_no_value(name: str) -> None:
    found = summary_of(name, given(unknown=40))
    assert found["estimate"] is None and (found["n_prompts"], found["n_excluded"]) == (0, 40)
    assert found["method"] == (
        "no value: 40 answers are in languages or scripts that the measure does not know"
    )
    few = summary_of(name, given(unknown=3))
    assert few["estimate"] > 0 and (few["n_excluded"], few["unknown"]) == (3, [3.0])
    assert summary_of(name, given())["unknown"] == []
    assert summary_of(name, given(thai=40))["estimate"] is not None  # words do not enter


@pytest.mark.parametrize(
    "name", ["self_bleu", "distinct_2@token_budget", "vocabulary", "heaps_beta"]
)
def test_a_script_that_is_not_divided_into_words_has_no_lexical_value(name: str) -> None:
    found = summary_of(name, given(thai=5))
    assert found["estimate"] is None and found["method"].startswith("no value: 5 answers are in")
    assert summary_of(name, given(thai=4))["unknown"] == [4.0]
    assert summary_of(name, given(thai=4))["estimate"] is not None
    assert summary_of(name, given(unknown=40))["estimate"] is not None  # vectors do not enter


@pytest.mark.parametrize("name", ["response_words", "response_mtld"])
def test_an_answer_that_is_not_divided_into_words_has_no_value(name: str) -> None:
    rows = compute([get(name)], given(thai=40), **CONSTANT, all_prompt_ids=IDS)
    assert rows["value"].to_list() == [None] * 40
    (line,) = summarise(rows, Statistics(bootstrap_resamples=200), 1).to_dicts()
    assert line["method"] == "no value: no prompt has a value"


def test_swaps_of_a_script_that_is_not_divided_have_no_value() -> None:
    values = swap_values(pair_of(given(), given(thai=40), IDS), [get("self_bleu")], 5, 1)
    assert np.isnan(values["self_bleu"]).all() and values["self_bleu"].shape == (2, 6)


def test_chinese_is_divided_into_the_tokens_of_sacrebleu() -> None:
    from sacrebleu.tokenizers.tokenizer_zh import TokenizerZh

    for text in CHINESE:
        assert bleu_tokens(text) == TokenizerZh()(text).split()
    answers = [f"{CHINESE[place % 3]}{CHINESE[place % 2]}{place}" for place in range(8)]
    frame = pl.DataFrame({"prompt_id": IDS[:8], "text": answers})
    found = get("self_bleu").function(Inputs(frame=frame, token_budget=9))(np.arange(8))
    scorer = BLEU(max_ngram_order=3, effective_order=True, tokenize="zh")
    expected = [
        scorer.sentence_score(text, [other for k, other in enumerate(answers) if k != place]).score
        for place, text in enumerate(answers)
    ]
    assert found == pytest.approx(np.mean(expected), abs=1e-9)


def test_japanese_and_english_tokens() -> None:
    assert bleu_tokens("川は、流れる。OK?") == ["川", "は", "、", "流", "れ", "る", "。", "OK", "?"]
    assert bleu_tokens("Don't stop, now.") == ["Don't", "stop", ",", "now", "."]


@pytest.mark.parametrize("name", ["self_bleu", "compression_ratio", "distinct_2@token_budget"])
def test_answers_of_emoji_alone_have_no_lexical_value(name: str) -> None:
    texts = ["😀😁", "👍", "🎉🎉", "❤️"] * 10
    emoji = replace(given(), frame=pl.DataFrame({"prompt_id": IDS, "text": texts}))
    assert summary_of(name, emoji)["method"].startswith("no value: 40 answers are in languages or")
    assert summary_of("response_words", emoji)["estimate"] is None


def test_human_words_are_not_looked_for_in_another_script() -> None:
    def value(references: list[str]) -> float | None:
        frame = pl.DataFrame({"prompt_id": IDS, "text": ENGLISH, "reference": references})
        return summary_of("tail_coverage", replace(given(), frame=frame))["estimate"]

    assert value(ENGLISH) > 0.1
    assert value([f"{CHINESE[place % 3]}{place}" for place in range(40)]) is None
    assert value([""] * 2 + ENGLISH[2:]) is not None
