"""Checks of a single answer, the languages they tell, and the file of rows set apart."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manybaskets.config.engines import Quality
from manybaskets.data.languages import language_of
from manybaskets.generation.quality import (
    compression,
    echoes,
    fault,
    repeated_share,
    write_quarantine,
)

QUALITY = Quality(min_words=3, languages=["en"])
PROMPT = "Name the river that flows past the old town of Alden."
GOOD = "The river that flows past Alden is the Mor, which rises in the eastern hills."
GERMAN = (
    "Der Fluss, der an der alten Stadt vorbeifließt, entspringt in den Bergen und ist sehr lang."
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (GOOD, None),
        ("The Mor, surely.", None),
        ("", "empty"),
        (" \n\t ", "empty"),
        ("The Mor.", "too short"),
        ("The Mor\ufffd flows there.", "broken characters"),
        (PROMPT, "echo of the prompt"),
        (f"  {PROMPT.upper()}\n", "echo of the prompt"),
        ("the mor is a river and " * 20, "repeats itself"),
        ("abcdefg " + "la" * 400 + " yes it is", "compresses too well"),
        (GERMAN, "wrong language"),
    ],
)
def test_the_reason_not_to_take_an_answer(text, reason):
    assert fault(text, PROMPT, QUALITY) == reason


def test_each_check_can_be_switched_off():
    assert fault("", PROMPT, Quality(min_words=0)) is None
    assert fault("Mor", PROMPT, Quality(min_words=1)) is None
    assert fault(PROMPT, PROMPT, Quality(no_echo=False)) is None
    assert fault("the mor is a river and " * 20, PROMPT, Quality(max_compression=50)) == (
        "repeats itself"
    )
    loose = Quality(max_repeated_share=1.0, max_compression=50)
    assert fault("the mor is a river and " * 20, PROMPT, loose) is None
    assert fault(GERMAN, PROMPT, Quality()) is None
    assert fault(GERMAN, PROMPT, Quality(languages=["en", "de"])) is None


def test_an_echo_has_the_same_words():
    assert echoes(" name  THE river ", "Name the\nriver")
    assert not echoes("Name the river, please", "Name the river")


def test_repeated_share_by_hand():
    # 16 words, 13 four-grams; the 8 words come twice, so grams 9 to 13 stood there before.
    assert repeated_share("a b c d e f g h " * 2) == pytest.approx(5 / 13)
    assert repeated_share("a " * 12) == pytest.approx(8 / 9)
    assert repeated_share("a " * 11) == 0.0  # too few words to tell
    assert repeated_share(GOOD) == 0.0


def test_words_of_scripts_without_spaces_are_their_characters():
    assert repeated_share("山水人木火土" * 3) == pytest.approx(9 / 15)
    assert fault("山水人木火土", PROMPT, Quality(min_words=5)) is None
    assert fault("山水", PROMPT, Quality(min_words=5)) == "too short"


@given(st.lists(st.sampled_from("abcd"), max_size=60))
def test_repeated_share_counts_grams_that_came_before(words):
    share = repeated_share(" ".join(words))
    before, repeats = [], 0
    for start in range(len(words) - 3):
        gram = words[start : start + 4]
        repeats += gram in before
        before.append(gram)
    expected = repeats / len(before) if len(words) >= 12 else 0.0
    assert share == pytest.approx(expected)


@given(st.text(max_size=600))
def test_compression_is_bytes_over_zlib_bytes(text):
    raw = text.encode()
    if len(raw) < 200:
        assert compression(text) == 1.0
    else:
        assert compression(text) == pytest.approx(len(raw) / len(zlib.compress(raw)))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (GOOD, "en"),
        (GERMAN, "de"),
        ("Le fleuve qui passe devant la vieille ville prend sa source dans les montagnes.", "fr"),
        ("这条河流经过古老的城镇，发源于东部的山区，河水清澈，两岸风景优美，人们在那里生活了几百年。" * 2, "zh"),
        ("Río Mor", None),
        ("1 2 3 4 5 6 7 8 9 10 + 11 = 12345678901234567890123456789012345", None),
        ("https://a.example/3q9ZQF1DXdPec7aLTmlC?si=2183874e320f41ef " * 4, None),
    ],
)  # fmt: skip
def test_languages(text, code):
    assert language_of(text) == code


def test_real_answers_in_english_are_taken(alpacaeval):
    """Of 805 answers of a good real model few have a fault, and no English one a wrong language."""
    with gzip.open(alpacaeval / "gpt-4o.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    faults = {
        row["instruction"]: reason
        for row in rows
        if (reason := fault(row["output"], row["instruction"], Quality(languages=["en"])))
    }
    assert len(faults) <= 0.005 * len(rows)
    strange = [text for text, reason in faults.items() if reason == "wrong language"]
    assert len(strange) == 1 and "second language" in strange[0]


def test_quarantine_is_written_in_order_and_read_back(tmp_path):
    rows = [
        {
            "prompt_id": prompt_id,
            "sample": 0,
            "turn": turn,
            "reason": "empty",
            "attempts": 3,
            "finish_reason": "stop",
            "text": "é\n\u2028",
            "key": "internal",
        }
        for prompt_id, turn in (("b", 0), ("a", 1), ("a", 0))
    ]
    write_quarantine(rows, tmp_path / "quarantine.jsonl")
    lines = (tmp_path / "quarantine.jsonl").read_text(encoding="utf-8").split("\n")
    assert lines.pop() == ""
    back = [json.loads(line) for line in lines]
    assert [(row["prompt_id"], row["turn"]) for row in back] == [("a", 0), ("a", 1), ("b", 0)]
    assert back[0]["text"] == "é\n\u2028" and back[0]["attempts"] == 3
    assert "key" not in back[0]
    write_quarantine([], tmp_path / "none.jsonl")
    assert (tmp_path / "none.jsonl").read_bytes() == b""
