"""What judges are asked: every pair in both orders with every marker set, nothing twice, nothing lost."""

from __future__ import annotations

from collections import Counter
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manybaskets.config.preference_judging import PreferenceJudging
from manybaskets.experiments.preference.corruption import shuffled
from manybaskets.experiments.preference.questions import TextPanel, filled, lay_out
from manybaskets.experiments.preference.schemas import corrupted, own_of

AUTHORS = ["human", "llama", "qwen", "outsider", "own"]
GUEST = own_of("multi", 2)
ARTICLES = {"a1": "The mill {of} Alden burned.", "a2": "A fair was held."}


def settings(**changes) -> PreferenceJudging:
    return PreferenceJudging.model_validate(changes)


def texts(**changes) -> dict[str, dict[str, str | None]]:
    made = {
        author: {article: f"{author} tells of {article} at length." for article in ARTICLES}
        for author in [*AUTHORS, GUEST]
    }
    for author, text in changes.items():
        made[author]["a1"] = text
    return made


def asked(how: PreferenceJudging, made=None, guests=(GUEST,)) -> list:
    panel = TextPanel(AUTHORS, guests, [name for name in AUTHORS[:4] if name != "outsider"])
    return lay_out(how, panel, ARTICLES, made or texts(), 42)


def test_every_pair_is_asked_in_both_orders_with_every_marker_set_and_once():
    items = [item for item in asked(settings()) if item.protocol == "pairwise"]
    corrected = Counter(
        (item.article_id, item.first, item.second, item.label)
        for item in items
        if item.variant == "corrected"
    )
    wanted = [*permutations(AUTHORS, 2)]
    wanted += [pair for author in AUTHORS for pair in ((GUEST, author), (author, GUEST))]
    assert corrected == Counter(
        (article, *pair, label)
        for article in ARTICLES
        for pair in wanted
        for label in ("A/B", "1/2")
    )
    paper = [item for item in items if item.variant == "paper"]
    assert Counter((item.article_id, item.first, item.second) for item in paper) == Counter(
        (article, *pair)
        for article in ARTICLES
        for pair in permutations(["human", "llama", "qwen"], 2)
    )
    assert {item.label for item in paper} == {"A/B"}


def test_corrected_prompts_hold_the_article_both_texts_and_their_markers_and_published_ones_no_article():
    for item in asked(settings()):
        article = ARTICLES[item.article_id]
        assert (article in item.prompt) == (item.variant == "corrected")
        assert all(text in item.prompt for text in item.shown)
        if item.protocol == "pairwise":
            places = [item.prompt.index(text) for text in item.shown]
            marks = [item.prompt.index(f"Summary {marker}:") for marker in item.markers]
            assert marks[0] < places[0] < marks[1] < places[1]
        assert (item.system is None) == (item.variant == "corrected")


def test_the_scale_that_is_asked_is_the_scale_that_is_read():
    items = [item for item in asked(settings(scale=(0, 3))) if item.protocol == "absolute"]
    assert {item.markers for item in items} == {("0", "1", "2", "3")}
    corrected = [item for item in items if item.variant == "corrected"]
    assert all("from 0 (worst) to 3 (best)" in item.prompt for item in corrected)
    assert Counter(item.first for item in corrected) == dict.fromkeys([*AUTHORS, GUEST], 2)
    assert {item.label for item in items} == {"0..3"}


def test_protocols_and_the_published_form_can_be_left_out():
    items = asked(settings(protocols=["absolute"], published_form=None))
    assert {(item.protocol, item.variant) for item in items} == {("absolute", "corrected")}


def test_the_planted_gap_is_the_same_words_in_another_order_and_asked_both_ways():
    how = settings(discrimination={"authors": ["human", "llama"], "shuffle": "words"})
    items = [item for item in asked(how) if item.protocol == "discrimination"]
    assert len(items) == 2 * 2 * 2 * 2  # articles, authors, orders, marker sets
    for item in items:
        assert {item.first, item.second} in ({a, corrupted(a)} for a in ("human", "llama"))
        one, two = item.shown
        assert one != two and sorted(one.split()) == sorted(two.split())
    again = [item for item in asked(how) if item.protocol == "discrimination"]
    assert [item.shown for item in again] == [item.shown for item in items]


@pytest.mark.parametrize(
    ("made", "status", "rows"),
    [
        ({"llama": None}, "missing", 1),
        ({"llama": "  \n"}, "empty", 1),
        ({"llama": ""}, "empty", 1),
        ({"llama": "The same.", "qwen": "The same."}, "identical", 0),
    ],
)
def test_pairs_without_two_different_texts_are_rows_with_their_reason(made, status, rows):
    """Nothing is dropped: as many rows as without the fault, those of the text marked."""
    how = settings(discrimination={"authors": ["llama"]}, published_form=None)
    items, whole = asked(how, texts(**made)), asked(how)
    assert len(items) == len(whole)
    marked = [item for item in items if item.status != "read"]
    assert {item.article_id for item in marked} == {"a1"}
    assert {item.prompt for item in marked} == {""}
    pairs = [item for item in marked if item.protocol == "pairwise"]
    if status == "identical":
        assert {frozenset((item.first, item.second)) for item in pairs} == {frozenset(made)}
        assert len(pairs) == 4
    else:
        assert len(pairs) == 5 * 4 and all("llama" in (i.first, i.second) for i in pairs)
        assert len([i for i in marked if i.protocol == "discrimination"]) == 4
    assert len([item for item in marked if item.protocol == "absolute"]) == rows
    assert {item.status for item in pairs} == {status}


def test_a_text_of_one_word_has_no_worse_form_and_says_so():
    how = settings(discrimination={"authors": ["llama"]}, published_form=None)
    items = asked(how, texts(llama="Mor."))
    planted = [item for item in items if item.protocol == "discrimination"]
    assert {item.status for item in planted if item.article_id == "a1"} == {"identical"}
    assert {item.status for item in planted if item.article_id == "a2"} == {"read"}


@given(st.lists(st.text("abc", min_size=1, max_size=3), max_size=8), st.integers())
def test_shuffling_keeps_the_words_and_changes_their_order_where_it_can(words, seed):
    text = " ".join(words)
    moved = shuffled(text, "words", seed)
    assert sorted(moved.split()) == sorted(words)
    assert (moved != text) == (len(set(words)) > 1)


def test_shuffling_sentences_leaves_each_whole():
    text = "The Mor is long. Alden lies on it. Come on Monday!"
    moved = shuffled(text, "sentences", 3)
    assert moved != text
    for sentence in ("The Mor is long.", "Alden lies on it.", "Come on Monday!"):
        assert sentence in moved


def test_braces_in_texts_mean_nothing():
    assert filled("{first} {{not}} {second}", {"first": "{second}", "second": "{0}"}) == (
        "{second} {not} {0}"
    )
