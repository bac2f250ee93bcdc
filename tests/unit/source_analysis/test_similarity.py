"""Similarity of sources against loops over the packages, its baselines, and its tables."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lexical_inputs import random_texts
from nltk.stem.porter import PorterStemmer
from nltk.translate.meteor_score import single_meteor_score
from rouge_score.rouge_scorer import RougeScorer

from manybaskets.config.evaluation import Statistics
from manybaskets.measures.tokens import words
from manybaskets.records.responses import write_responses
from manybaskets.source_analysis.pairs import PAIRS
from manybaskets.source_analysis.shared_answers import (
    SharedAnswers,
    read_shared,
    share_answers,
    text_codes,
)
from manybaskets.source_analysis.similarity.pair_scores import (
    METRICS,
    PairScores,
    score_pairs,
    shuffled_prompts,
)
from manybaskets.source_analysis.similarity.pair_summary import (
    SIMILARITY,
    similarity_of_pairs,
    similarity_of_sources,
)

PACKAGE = RougeScorer(["rouge1", "rougeL"], use_stemmer=True)
SETTINGS = Statistics(bootstrap_resamples=500)


class NoWordNet:
    """A WordNet in which no word has a synonym."""

    @staticmethod
    def synsets(word: str) -> list:
        return []


def one_score(metric: str, hypothesis: str, reference: str) -> float:
    if metric == "meteor":
        return single_meteor_score(
            words(reference), words(hypothesis), stemmer=PorterStemmer(), wordnet=NoWordNet()
        )
    name = {"rouge_1": "rouge1", "rouge_l": "rougeL"}[metric]
    return PACKAGE.score(reference, hypothesis)[name].fmeasure


def answers_of(texts: dict[str, list[str]]) -> SharedAnswers:
    count = len(next(iter(texts.values())))
    ids = [f"{place:03d}-0" for place in range(count)]
    return SharedAnswers(ids, texts, asked=count, shared=count)


TEXTS = {name: random_texts(9, seed) for name, seed in (("human", 1), ("llama", 2), ("qwen", 3))}


@pytest.mark.parametrize("metric", METRICS)
def test_scores_are_those_of_a_loop_over_the_packages(metric: str):
    answers = answers_of(TEXTS)
    found = score_pairs(answers, [metric], 5)[0]
    cycle = shuffled_prompts(answers.prompt_ids, 5)
    assert found.sources == list(TEXTS) and found.excluded == 0
    for row, first in enumerate(TEXTS.values()):
        for column, second in enumerate(TEXTS.values()):
            if row == column:
                assert np.isnan(found.scores[row, column]).all()
                continue
            expected = [one_score(metric, a, b) for a, b in zip(first, second, strict=True)]
            assert found.scores[row, column] == pytest.approx(expected, abs=1e-9)
            moved = [one_score(metric, first[p], second[cycle[p]]) for p in range(9)]
            assert found.shuffled[row, column] == pytest.approx(moved, abs=1e-9)


class Words:
    """The project's words as a tokeniser of the package."""

    @staticmethod
    def tokenize(text: str) -> list[str]:
        return words(text)


@pytest.mark.parametrize(
    "first",
    [
        ["这条河从山上流下来。", "镇上的人靠雕刻木头为生！", "星期六有集市。"],
        ["ينبع النهر من التلال", "يمر النهر بجانب الطاحونة", "تقام السوق يوم السبت"],
    ],
)
def test_rouge_of_other_scripts_counts_their_words(first: list[str]):
    second = [f"{text}{first[0]}" if place else "42" for place, text in enumerate(first)]
    package = RougeScorer(["rouge1", "rougeL"], tokenizer=Words())
    for metric, name in (("rouge_1", "rouge1"), ("rouge_l", "rougeL")):
        found = score_pairs(answers_of({"a": first, "b": second}), [metric], 5)[0]
        expected = [package.score(b, a)[name].fmeasure for a, b in zip(first, second, strict=True)]
        assert found.scores[0, 1] == pytest.approx(expected, abs=1e-9)
        assert expected[0] == 0.0 and min(expected[1:]) > 0.3


def test_a_prompt_with_an_answer_that_is_not_divided_into_words_is_left_out():
    texts = {"a": ["One river.", "แม่น้ำสายนี้", "🙂"], "b": ["One mill.", "Two mills.", "Three."]}
    for found in score_pairs(answers_of(texts), list(METRICS), 5):
        assert found.excluded == 2


def test_tables_hold_means_over_the_others_and_their_spread():
    scored = score_pairs(answers_of(TEXTS), ["meteor"], 5)
    table = similarity_of_sources(scored, SETTINGS, 5)
    pairs = similarity_of_pairs(scored, SETTINGS, 5)
    assert table.schema == SIMILARITY and pairs.schema == PAIRS
    per_prompt = [
        np.mean([one_score("meteor", TEXTS["llama"][p], TEXTS[other][p])
                 for other in ("human", "qwen")])
        for p in range(9)
    ]  # fmt: skip
    llama = table.filter(pl.col("source") == "llama").row(0, named=True)
    assert llama["value"] == pytest.approx(np.mean(per_prompt))
    assert llama["sd"] == pytest.approx(np.std(per_prompt, ddof=1))
    assert llama["low"] < llama["value"] < llama["high"]
    assert llama["n_prompts"] == 9
    assert pairs.height == 6
    one = pairs.filter((pl.col("first") == "qwen") & (pl.col("second") == "human"))
    expected = [
        one_score("meteor", a, b) for a, b in zip(TEXTS["qwen"], TEXTS["human"], strict=True)
    ]
    assert one["value"][0] == pytest.approx(np.mean(expected))
    assert one["scale"][0] == "similarity"


def test_the_mean_is_arithmetic_and_no_moving_average():
    values = np.array([0.0] * 491 + [1.0] * 9)
    scores = np.full((2, 2, 500), np.nan)
    scores[0, 1] = scores[1, 0] = values
    ids = [f"{place:03d}-0" for place in range(500)]
    made = PairScores("rouge_1", ["a", "b"], ids, scores, scores * 0.5, 0)
    table = similarity_of_sources([made], SETTINGS, 1)
    assert table["value"].to_list() == pytest.approx([0.018, 0.018])
    assert table["shuffled"].to_list() == pytest.approx([0.009, 0.009])
    assert table["sd"][0] == pytest.approx(np.std(values, ddof=1))
    assert 0.005 < table["low"][0] < 0.018 < table["high"][0] < 0.04


def test_answers_to_other_prompts_are_less_alike():
    first = [f"answer number {n} about topic{n} and place{n}" for n in range(20)]
    second = [f"topic{n} lies near place{n}, answer {n}" for n in range(20)]
    table = similarity_of_sources(
        score_pairs(answers_of({"a": first, "b": second}), list(METRICS), 2), SETTINGS, 2
    )
    assert table.height == 6
    assert (table["shuffled_high"] < table["low"]).all()


def test_the_shuffled_prompts_form_one_cycle_of_the_ids_alone():
    ids = [f"{place}-0" for place in range(30)]
    cycle = shuffled_prompts(ids, 4)
    seen, place = set(), 0
    while place not in seen:
        seen.add(place)
        place = int(cycle[place])
    assert len(seen) == 30
    assert not (cycle == np.arange(30)).any()
    assert (shuffled_prompts(ids, 5) != cycle).any()


def test_answers_without_words_leave_their_prompt_out_and_are_counted():
    texts = {"a": ["one two", "…", "три слова", "one two three"],
             "b": ["one two", "one", "три слова", "three two one"]}  # fmt: skip
    rouge, meteor = score_pairs(answers_of(texts), ["rouge_1", "meteor"], 1)
    for scored in (rouge, meteor):
        assert (scored.excluded, scored.prompt_ids) == (1, ["000-0", "002-0", "003-0"])
    assert rouge.scores[0, 1] == pytest.approx([1.0, 1.0, 1.0])
    table = similarity_of_sources([rouge, meteor], SETTINGS, 1)
    assert table.filter(pl.col("metric") == "meteor")["n_excluded"].to_list() == [1, 1]
    assert table["value"].is_not_null().all()


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_prompts_give_a_table_and_no_error(count: int):
    texts = {"a": ["one two", "three"][:count], "b": ["two one", "three four"][:count]}
    scored = score_pairs(answers_of(texts), list(METRICS), 1)
    table = similarity_of_sources(scored, SETTINGS, 1)
    assert table["n_prompts"].to_list() == [count] * 6
    assert table["value"].is_null().all() == (count == 0)
    assert table["shuffled"].is_null().all() == (count < 2)
    assert similarity_of_pairs(scored, SETTINGS, 1).height == 6


def test_one_source_gives_no_rows():
    scored = score_pairs(answers_of({"a": ["one", "two"]}), list(METRICS), 1)
    assert similarity_of_sources(scored, SETTINGS, 1).height == 0
    assert similarity_of_pairs(scored, SETTINGS, 1).schema == PAIRS


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(9)), st.permutations(["human", "llama", "qwen"]))
def test_the_order_of_prompts_and_sources_changes_nothing(places, names):
    ids = [f"{place:03d}-0" for place in range(9)]
    expected = share_answers({n: dict(zip(ids, t, strict=True)) for n, t in TEXTS.items()}, 9, 6, 3)
    given_texts = {name: {ids[p]: TEXTS[name][p] for p in places} for name in names}
    found = share_answers(given_texts, 9, 6, 3)
    one, two = (
        similarity_of_sources(
            score_pairs(each, list(METRICS), 3), Statistics(bootstrap_resamples=100), 3
        )
        for each in (expected, found)
    )
    assert one.sort("metric", "source").equals(two.sort("metric", "source"))


def response(prompt_id: str, text: str | None, sample: int = 0, turn: int = 0) -> dict:
    return {"prompt_id": prompt_id, "sample": sample, "turn": turn, "text": text,
            "finish_reason": "error" if text is None else "stop", "prompt_tokens": 1,
            "completion_tokens": 1, "attempts": 1, "error": "x" if text is None else None}  # fmt: skip


def test_only_prompts_that_all_answered_are_shared(tmp_path):
    files = {"a": tmp_path / "a.parquet", "b": tmp_path / "b.parquet"}
    write_responses([response("p", "a p"), response("q", "a q"), response("r", "a r"),
                     response("s", " \n"), response("t", None)], files["a"], {})  # fmt: skip
    write_responses([response("q", "b q"), response("q", "b later", turn=1),
                     response("q", "b second", sample=1), response("r", "b r"),
                     response("s", "b s"), response("t", "b t")], files["b"], {})  # fmt: skip
    found = read_shared(files, None, 1)
    assert found.prompt_ids == ["q", "r"]
    assert found.texts == {"a": ["a q", "a r"], "b": ["b q", "b r"]}
    assert (found.asked, found.shared, found.unshared) == (5, 2, 3)
    assert score_pairs(found, ["meteor"], 1)[0].excluded == 3


def test_a_larger_sample_holds_the_smaller_one():
    texts = {"a": {f"{n}-0": "x" for n in range(50)}, "b": {f"{n}-0": "y" for n in range(45)}}
    samples = [set(share_answers(texts, 50, size, 9).prompt_ids) for size in (5, 20, 100)]
    assert samples[0] < samples[1] < samples[2]
    assert [len(each) for each in samples] == [5, 20, 45]
    assert samples[0] != set(share_answers(texts, 50, 5, 10).prompt_ids)


def test_prompts_of_one_text_have_one_code():
    assert text_codes(["b-0", "a-0", "b-1", "c-0"]).tolist() == [1, 0, 1, 2]
