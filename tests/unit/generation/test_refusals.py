"""Refusals: what opens by declining the task is one, what says 'I cannot' elsewhere is none."""

from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manybaskets.generation.evasions import evades
from manybaskets.generation.refusals import OPENING, is_refusal

REFUSALS = [
    "I'm sorry, but I can't help with that.",
    "I\u2019m sorry, but I can\u2019t assist with that request.",
    "I cannot help with opening safes that belong to others.",
    "I can't fulfill that request.",
    "I can't accommodate that request.",
    "Sorry, but I can't provide the lyrics of this song. Shall I sum it up?",
    "As an AI language model, I am unable to write such a letter.",
    "As an AI, I won't create content that insults people.",
    "I am not able to discuss this topic.",
    "I'm not comfortable writing that.",
    "I don't feel comfortable continuing this story.",
    "Unfortunately, I cannot answer that question.",
    "I apologize, but I can't generate that kind of text.",
    "I must respectfully decline to answer.",
    "I have to decline this request.",
    "I'm sorry, but that's not something I can do. It is not something I can help with.",
    "That goes against my guidelines.",
    "I'm sorry, but it is not appropriate to joke about this.",
    "Thank you for asking. However, I cannot provide medical advice.",
    "I do not have access to the news. Therefore, I cannot tell you who won.",
    "**Answer:** I am unable to provide legal references on this matter.",
    "Your question is a delicate one.\n\nI will not support plans of this kind.",
]
ANSWERS = [
    "",
    "Paris is the capital of France.",
    "I'm sorry to hear that your dog died. Here is what may comfort your friend.",
    "I can't wait to see the mountains again!",
    "I cannot help but smile when I think of that summer.",
    "I can't help myself: I love cheese.",
    "I cannot recommend this restaurant enough; the soup alone is worth the way.",
    "Dear Ms Lane, thank you for your offer. I am unable to accept it, for I shall be abroad.",
    "Subject: My essay\n\nDear Professor, I am sorry, but I cannot complete it in time.",
    "I won't give up on you, my love, / though the night be long.",
    "I can't continue like this, she wrote.",
    "Banks cannot use cash as capital, and you cannot provide it from deposits.",
    "Sorry seems to be the hardest word is a song by Elton John.",
    'The knight turned round. "I cannot help you," said the witch.',
    "\u201cI can\u2019t help you,\u201d she said, and the door fell shut.",
    "If you cannot answer a question, say so and offer to look it up.",
    "As an AI, I have no favourite colour, but many people like blue.",
    "You can't share a bicycle with three people.",
]


@pytest.mark.parametrize("text", REFUSALS)
def test_refusals_are_seen(text):
    assert is_refusal(text)


@pytest.mark.parametrize("text", ANSWERS)
def test_answers_are_let_pass(text):
    assert not is_refusal(text)


@pytest.mark.parametrize("dress", ["**{}**", "> {}", "*{}*", "# {}", "Assistant: {}", "\n> **{}**"])
@pytest.mark.parametrize("wide", [is_refusal, lambda text: is_refusal(text) or evades(text)])
def test_a_refusal_in_another_dress_is_one(dress, wide):
    assert wide(dress.format("I cannot help with that request."))
    assert not wide(dress.format("The bakery opens at seven."))


@pytest.mark.parametrize(
    "text",
    ["That is wrong: Velmar lies north of the river.", "No, I will not forget it: it is Orsel."],
)
def test_a_correction_evades_nothing(text):
    assert not evades(text)


def test_only_the_opening_counts():
    story = "Once upon a time there lived a miller by the river who had three sons. " * 5
    assert len(story) > OPENING
    assert not is_refusal(story + "I cannot help with that.")
    assert is_refusal("I cannot help with that. " + story)


def test_a_long_answer_that_turns_to_the_task_is_none_and_a_mere_offer_is_one():
    opening = "I can't provide medical advice. However, I can offer some general guidance."
    assert is_refusal(opening)
    assert not is_refusal(opening + " Drink enough water and rest for a few days." * 15)
    without_turn = "I can't provide medical advice. Doctors study for years to give it."
    assert is_refusal(without_turn + " Drink enough water and rest for a few days." * 15)


@given(st.sampled_from(REFUSALS), st.sampled_from(["", " ", "\n\n", "\t"]), st.booleans())
def test_white_space_and_the_apostrophe_change_nothing(text, space, curly):
    text = text.replace("\u2019", "'")
    assert is_refusal(space + (text.replace("'", "\u2019") if curly else text) + space)


@given(st.text(max_size=400))
def test_any_text_has_an_answer(text):
    assert is_refusal(text) in (True, False)


def test_few_real_answers_are_refusals(alpacaeval):
    """Twelve real models answer 805 ordinary prompts: some refuse a few, none more than 2 %."""
    found = {}
    for file in sorted(alpacaeval.glob("*.jsonl.gz")):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
        refused = [row["instruction"] for row in rows if is_refusal(row["output"])]
        found[file.name] = len(refused)
        assert len(refused) <= 0.02 * len(rows), file.name
    assert all(found.values()), found
    # Seen by eye in the file: its shortest answers are plain refusals.
    assert found["llama-3.1-8b.jsonl.gz"] >= 6
