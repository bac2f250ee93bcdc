"""How pages are written: lines, sentences, and the words that they avoid."""

from __future__ import annotations

import re

import pytest
from documents import hand_written, prose, text_of
from repository import ROOT
from struck_words import struck_in

MORE = ["resources/README.md", "resources/published/README.md", ".github/pull_request_template.md"]
PAGES = [*hand_written(), *MORE]
COMMENTED = ["config", "envs", "profiles/default", "slurm", "workstation"]
_COMMENT = re.compile(r"(?:^|\s)#\s?(.*)", re.MULTILINE)
_TWO_SENTENCES = re.compile(r"[a-z0-9)`*”\"][.!?]\)? [A-Z][a-z]")
_ABBREVIATED = re.compile(r"\b(?:e\.g|i\.e|vs|et al|cf)\. ")


@pytest.mark.parametrize("page", PAGES)
def test_lines_have_at_most_120_characters(page):
    """Rows of tables cannot be broken; prose, code and lists can."""
    lines = enumerate(text_of(page).splitlines(), start=1)
    long = [n for n, line in lines if len(line) > 120 and not line.lstrip().startswith("|")]
    assert not long, f"{page}: break lines {long}"


@pytest.mark.parametrize("page", PAGES)
def test_a_line_has_one_sentence(page):
    lines = [
        number
        for number, line in prose(text_of(page))
        if not line.startswith("#") and _TWO_SENTENCES.search(_ABBREVIATED.sub(" ", line))
    ]
    assert not lines, f"{page}: start a new line for each sentence in lines {lines}"


@pytest.mark.parametrize("page", PAGES)
def test_pages_use_no_struck_word(page):
    assert not list(struck_in(text_of(page)))


@pytest.mark.parametrize("folder", COMMENTED)
def test_comments_of_yaml_files_use_no_struck_word(folder):
    files = sorted((ROOT / folder).glob("*.yaml"))
    assert files
    for file in files:
        comments = " ".join(_COMMENT.findall(file.read_text(encoding="utf-8")))
        assert not list(struck_in(comments)), file


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("The two could not\nbe told apart.", "told apart"),
        ("What came is no chat completion.", "is no chat"),
        ("Mend it and type the same command again.", "Mend"),
        ("All that hangs on it waits.", "hangs on"),
        ("The verdict lies in pilot.json.", "lies in"),
        ("Its texts stand in `restricted/`.", "stand in"),
    ],
)
def test_a_struck_phrase_is_found_across_lines_and_in_any_case(text, phrase):
    assert any(found.startswith(f"'{phrase}'") for found in struck_in(text))


@pytest.mark.parametrize(
    "text",
    [
        "There is no rubric.",
        "It is no longer used.",
        "WILDCHAT stands for itself.",
        "Recommend it.",
    ],
)
def test_plain_english_is_left_alone(text):
    assert not list(struck_in(text))
