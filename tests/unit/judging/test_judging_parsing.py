"""A judge's answer is read as what stands there, or not at all."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manybaskets.judging.parsing import read_answer
from manybaskets.judging.records import CAUSES
from manybaskets.judging.rubrics import shipped

HARM, REFUSAL = shipped("harmfulness"), shipped("refusal")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"reason": "It declines.", "score": 1}', 1),
        ('```json\n{"reason": "a", "score": 4}\n```', 4),
        ('```\n{"score": 4}\n```', 4),
        ('Here is my judgement:\n{"reason": "a", "score": 4}\nI hope this helps.', 4),
        ('{"reason": "a", "score":    3   }', 3),
        ('{"reason": "a", "score": "**4**"}', 4),
        ('{"reason": "a", "score": "4/5"}', 4),
        ('{"reason": "a", "score": " 4 / 5 "}', 4),
        ('{"reason": "a", "score": 4.0}', 4),
        ('{"reason": "a", "Score": 4}', 4),
        ('{"score": 2, "reason": "a"}', 2),
        ('{"reason": "a {brace} in it", "score": 2}', 2),
        ('{"reason": "It lists:\n\t- one\r\n\t- two", "score": 2}', 2),
        ('{\n\t"reason": "a\x07b",\n\t"score": 2\n}', 2),
        ('{"reason": "a", "score": 2}\n{"reason": "a", "score": 2}', 2),
        ('<think>maybe {"score": 5}?</think>{"reason": "a", "score": 2}', 2),
    ],
)
def test_scores_that_stand_there_are_read(text, expected):
    assert read_answer(text, HARM, "json").score == expected


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "no_answer"),
        (None, "no_answer"),
        ("   \n ", "no_answer"),
        ("I cannot judge this.", "not_json"),
        ("Ich gebe eine Vier.", "not_json"),
        ("4", "not_json"),
        ("[4]", "not_json"),
        ('{"reason": "a"}', "no_score"),
        ('{"razón": "a", "puntuación": 4}', "no_score"),
        ('{"reason": "a", "score": null}', "no_score"),
        ('{"reason": "a", "score": ""}', "no_score"),
        ('{"reason": "a", "score": 10}', "out_of_range"),
        ('{"reason": "a", "score": 0}', "out_of_range"),
        ('{"reason": "a", "score": 6}', "out_of_range"),
        ('{"reason": "a", "score": -4}', "out_of_range"),
        ('{"reason": "a", "score": "10"}', "out_of_range"),
        ('{"reason": "a", "score": "4/10"}', "out_of_range"),
        ('{"reason": "a", "score": 4.5}', "not_whole"),
        ('{"reason": "a", "score": "4.5"}', "not_whole"),
        ('{"reason": "a", "score": "four"}', "not_a_number"),
        ('{"reason": "a", "score": "4 or 5"}', "not_a_number"),
        ('{"reason": "a", "score": true}', "not_a_number"),
        ('{"reason": "a", "score": [4]}', "not_a_number"),
        ('{"reason": "a", "score": NaN}', "not_a_number"),
        ('{"reason": "a", "score": 1e999}', "not_a_number"),
        ('{"reason": "a", "score": "٤"}', "not_a_number"),
        ('{"reason": "a", "score": 1, "score": 5}', "two_scores"),
        ('{"reason": "a", "score": 1}\n{"reason": "b", "score": 5}', "two_scores"),
        ('{"reason": "a", "score": 1}\nOn second thoughts, the score is 5.', "two_scores"),
        ('{"reason": "a", "score": 1} {"reason": "b", "score', "two_scores"),
        # A judge that quotes what it judges must not be read as saying it.
        ('The response holds {"score": 1} to fool me.', "no_reason"),
        ('{"reason": "It says {"score": 1} to fool me.", "score": 5}', "not_json"),
        ('{"reason": "a", "sco', "not_json"),
        ('<think>It says {"reason": "a", "score": 1}', "truncated"),
        ("{" * 5000, "not_json"),
        ('{"a":' * 5000, "not_json"),
    ],
)
def test_everything_else_has_a_cause(text, cause):
    reading = read_answer(text, HARM, "json")
    assert (reading.score, reading.cause) == (None, cause)
    assert cause in CAUSES


def test_an_answer_cut_at_its_limit_is_never_read():
    whole = '{"reason": "a", "score": 4}'
    assert read_answer(whole, HARM, "json", cut=True).cause == "truncated"


@pytest.mark.parametrize(
    ("text", "score", "cause"),
    [
        ("#thereason: It declines.\n#thescore: 1", 1, None),
        ("#thereason: a #thescore: **4**", 4, None),
        ("#thescore:\n\n   3  ", 3, None),
        ("#thescore: 4/5", 4, None),
        ("#thescore: 4\n#thescore: 4", 4, None),
        ("#thescore: 10", None, "out_of_range"),
        ("#thescore: 0", None, "out_of_range"),
        ("#thescore: four", None, "not_a_number"),
        ("#thescore: 4 because it helps", None, "not_a_number"),
        ("#thescore: 1\n#thescore: 5", None, "two_scores"),
        ("#thescore: 1\nFinal score: 5", None, "two_scores"),
        ("#thescore:", None, "no_score"),
        ("score: 4", None, "no_score"),
        ("4", None, "no_score"),
    ],
)
def test_tags(text, score, cause):
    reading = read_answer(text, HARM, "tagged")
    assert (reading.score, reading.cause) == (score, cause)


def test_the_reason_is_kept():
    assert read_answer('{"reason": "It declines.", "score": 1}', HARM, "json").reason == (
        "It declines."
    )
    assert read_answer("#thereason: It\ndeclines. #thescore: 1", HARM, "tagged").reason == (
        "It\ndeclines."
    )


@pytest.mark.parametrize(
    ("value", "score", "cause"),
    [
        ('"none"', 0, None),
        ('"Partial."', 0.5, None),
        ('"**FULL**"', 1, None),
        ("1", None, "not_a_choice"),
        ('"half"', None, "not_a_choice"),
        ('"none or full"', None, "not_a_choice"),
        ("null", None, "not_a_choice"),
    ],
)
def test_named_choices(value, score, cause):
    reading = read_answer(f'{{"reason": "a", "score": {value}}}', REFUSAL, "json")
    assert (reading.score, reading.cause) == (score, cause)


PIECES = st.sampled_from(
    ["{", "}", '"score"', "score", ":", ",", "1", "5", "10", "4/5", '"reason"', '"a"', "```json"]
    + ["#thescore:", "#thereason:", "\n", " ", "**", "four", "null", "true", "-", ".", "\\", '"']
)  # fmt: skip


@given(
    text=st.one_of(st.text(), st.lists(PIECES, max_size=14).map("".join)),
    form=st.sampled_from(["json", "tagged"]),
    cut=st.booleans(),
)
@settings(max_examples=600, deadline=None)
def test_any_text_gives_a_score_that_stands_in_it_or_a_cause(text, form, cut):
    reading = read_answer(text, HARM, form, cut)
    assert (reading.score is None) == (reading.cause is not None)
    if reading.score is None:
        assert reading.cause in CAUSES
        return
    assert HARM.has(reading.score)
    tag = "score" if form == "json" else "#thescore:"
    after = text[text.casefold().index(tag) :]
    said = re.findall(r"(?<![0-9.])[0-9]+", after)
    assert int(reading.score) in map(int, said)


@given(
    score=st.one_of(st.integers(-20, 20), st.floats(), st.text(max_size=4), st.none()),
    before=st.text(alphabet="abc \n", max_size=8),
    reason=st.text(max_size=30),
)
@settings(max_examples=400, deadline=None)
def test_any_value_of_a_whole_answer_is_read_as_itself_or_not_at_all(score, before, reason):
    text = before + json.dumps({"reason": reason, "score": score}, ensure_ascii=False)
    reading = read_answer(text, HARM, "json")
    if isinstance(score, int | float) and score in (1, 2, 3, 4, 5):
        assert reading.score == score
        assert reading.reason == reason
    elif not isinstance(score, str):
        assert reading.score is None
    elif reading.score is not None:
        assert re.search(rf"(?<![0-9]){int(reading.score)}(?![0-9])", score)
