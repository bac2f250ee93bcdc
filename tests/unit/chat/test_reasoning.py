"""Reasoning is split off in every form that model families use."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manybaskets.chat.reasoning import (
    _FORMS,
    closing_of_open_thought,
    holds_reasoning,
    split_reasoning,
)


@pytest.mark.parametrize(("opening", "closing"), _FORMS)
def test_a_thought_before_the_answer_is_split_off(opening, closing):
    thought, answer = "First 2,\nthen 3.", "It is **5**.\n\nDone."
    assert split_reasoning(f"{opening}\n{thought}\n{closing}\n\n{answer}") == (thought, answer)
    # The prompt has opened the thought.
    assert split_reasoning(f"{thought}\n{closing}\n\n{answer}") == (thought, answer)


@pytest.mark.parametrize(("opening", "closing"), _FORMS)
def test_a_thought_that_never_ends_leaves_no_answer(opening, closing):
    assert split_reasoning(f"{opening}\nFirst 2, then") == ("First 2, then", "")


def test_an_empty_thought_is_removed():
    assert split_reasoning("<think>\n\n</think>\n\nYes.") == ("", "Yes.")


def test_several_thoughts_are_removed():
    assert split_reasoning("<think>a</think><think>b</think>c") == ("a\n\nb", "c")


@pytest.mark.parametrize(
    "text", ["Use the <think> tag like so: <think>hm</think>.", "In HTML, <b> is bold.", ""]
)
def test_an_answer_that_speaks_of_tags_stays(text):
    assert split_reasoning(text) == ("", text)


@given(st.text())
def test_text_without_tags_is_an_answer(text):
    if not holds_reasoning(text):
        assert split_reasoning(text) == ("", text)


@pytest.mark.parametrize(
    ("prompt", "closing"),
    [
        ("<|assistant|>\n<think>\n", "\n</think>\n\n"),
        ("<|assistant|><think>", "\n\n</think>\n\n"),
        ("<|assistant|>\n<think>\n\n</think>\n\n", ""),
        ("What does <think> mean?<|assistant|>\n", ""),
        ("[THINK]", "\n\n[/THINK]\n\n"),
    ],
)
def test_only_a_thought_that_the_prompt_leaves_open_is_closed(prompt, closing):
    assert closing_of_open_thought(prompt) == closing
