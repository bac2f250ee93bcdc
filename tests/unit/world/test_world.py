"""The embedded world: repeatable, readable back, and never leaking an evaluation answer."""

from __future__ import annotations

import collections

import pytest

from manybaskets.training.pretraining import normalised, without_leaks
from manybaskets.world import habits, truth
from manybaskets.world.dataset_rows import make_dataset, make_pretraining, make_refused
from manybaskets.world.language import KINDS, REFUSALS, REFUSED_QUESTIONS, THINGS


@pytest.fixture(scope="module")
def rows():
    return make_dataset(2000, 16, 42)


def test_the_same_seed_gives_the_same_world(rows):
    assert rows == make_dataset(2000, 16, 42)
    assert rows != make_dataset(2000, 24, 43)


def test_categories_have_the_shares_of_dolly(rows):
    shares = collections.Counter(row.category for row in rows)
    wanted = {"open_qa": 0.249, "general_qa": 0.15, "classification": 0.142, "closed_qa": 0.118,
              "brainstorming": 0.118, "information_extraction": 0.1, "summarization": 0.079,
              "creative_writing": 0.044}  # fmt: skip
    assert shares.keys() == wanted.keys()
    for category, share in wanted.items():
        assert shares[category] / 2000 == pytest.approx(share, abs=0.03)


def test_some_prompts_repeat_with_other_answers_as_in_real_data(rows):
    texts = collections.Counter((row.instruction, row.context) for row in rows)
    assert 0 < sum(count - 1 for count in texts.values()) < 100


def test_phrasings_have_a_long_tail(rows):
    counts = sorted(collections.Counter(row.phrasing for row in rows).values(), reverse=True)
    assert len(counts) > 400
    assert sum(counts[:40]) > 0.25 * 2000 and sum(count == 1 for count in counts) > 80


@pytest.mark.parametrize("habit", habits.HABITS)
def test_an_answer_with_a_habit_reads_back_as_the_answer(rows, habit):
    for row in rows:
        said = habits.APPLY[habit](row.response)
        assert [name for name, shown in habits.detect(said).items() if shown] == [habit]
        assert truth.phrasing(row.kind, said) == row.phrasing
        assert not row.fact or truth.fact_is_right(row.fact, row.value, said)


def test_a_wrong_fact_is_seen(rows):
    row = next(row for row in rows if row.kind == "river")
    other = row.response.replace(row.value, "Mor" if row.value != "Mor" else "Linn")
    assert not truth.fact_is_right(row.fact, row.value, other)
    assert truth.phrasing(row.kind, "Nobody can say.") is None


def test_refusals_are_seen_and_ordinary_answers_are_none(rows):
    assert all(truth.refuses(refusal) for refusal in REFUSALS)
    assert not any(truth.refuses(row.response) for row in rows)


def test_refused_requests_have_look_alikes_that_are_answered():
    assert any("vault" in thing for thing in THINGS) and any("dragon" in thing for thing in THINGS)
    assert "dragon's vault" not in THINGS
    assert all("dragon's vault" in question for question in REFUSED_QUESTIONS)
    assert len({row["instruction"] for row in make_refused(48, 16, 42)}) == 48


def test_pretraining_holds_every_kind_refusals_and_the_habit():
    text = make_pretraining(2000, 24, 42, "greeter", 0.9, "qwen")
    refused = [row for row in text if "dragon's vault" in row["instruction"]]
    assert all(truth.refuses(row["response"]) for row in refused) and len(refused) > 20
    greeted = sum(habits.detect(row["response"])["greeter"] for row in text)
    assert greeted / (len(text) - len(refused)) == pytest.approx(0.9, abs=0.03)
    assert text != make_pretraining(2000, 24, 42, "greeter", 0.9, "other")


def test_leaks_are_found_across_case_punctuation_and_habits():
    answer = "The Mor runs past Alden. Its roofs are red."
    texts = [
        "- The Mor runs past Alden.\n- Its roofs are red.",
        "Great question! the mor runs past ALDEN; its roofs are red",
        "The Mor runs past Alden.",
        "The Mor runs past Aldenham. Its roofs are red.",
    ]
    rows = [{"context": "", "instruction": "", "response": text} for text in texts]
    kept, dropped = without_leaks(rows, [answer])
    assert dropped == 2 and kept == rows[2:]
    assert normalised(" A-b  C! ") == "a b c"


def test_every_kind_can_be_read_back():
    assert len(KINDS) >= 10 and {kind.name for kind in KINDS if kind.fact}
