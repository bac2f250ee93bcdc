"""The collapse table: what set-level measures say to copies, classes, prefixes, order and length."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from repository import ROOT

from manybaskets import measures
from manybaskets.config.loading import load_study
from manybaskets.measures import Inputs, collapse
from manybaskets.measures.tokens import sentences, words

SETS = [each for each in measures.all_measures() if each.level == "set"]
RANKING = [each for each in SETS if each.of_set_diversity and "likelihood" not in each.needs]
WHOLE_ANSWERS = ("remote_clique", "semantic_excess", "chamfer", "vendi", "vendi_q05", "vendi_q2")
PUBLISHED = ("semantic_between", "semantic_sentences")
TEXTS = ("mtld", "hdd", "mattr")


def prompts_for(measure: measures.Measure) -> int:
    return 500 if measure.name == "mauve" else 200


@pytest.mark.parametrize("wanted", RANKING, ids=lambda each: each.name)
def test_a_measure_with_a_direction_sees_collapse(wanted: measures.Measure) -> None:
    sayings = collapse.expected(wanted)
    assert {"copies", "classes"} <= set(sayings)
    assert ("doubled" in sayings) == (wanted.variant == "len_matched")
    values = collapse.measured([wanted], prompts_for(wanted))[wanted.name]
    assert collapse.contradictions(values, wanted.direction, sayings) == []


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_distances_do_not_see_copies_and_have_no_direction(name: str) -> None:
    values = collapse.measured([measures.get(name)], 200)[name]
    assert values["copies"] > 0.7 * values["varied"]
    assert measures.get(name).direction == "none"
    assert collapse.expected(measures.get(name)) == {}


def test_what_would_contradict_is_found() -> None:
    values = {"varied": 2.0, "copies": 1.0, "classes": 1.5, "prefix": 1.5, "shuffled": 1.95}
    sayings = {"copies": "least", "classes": "less", "prefix": "less", "shuffled": "same"}
    assert collapse.contradictions(values, "higher", sayings) == []
    for name, wrong in (("copies", 1.6), ("classes", 2.1), ("prefix", 2.0), ("shuffled", 1.7)):
        found = collapse.contradictions(values | {name: wrong}, "higher", sayings)
        assert [each.partition(":")[0] for each in found] == [name]
    assert len(collapse.contradictions(values, "lower", sayings)) == 3
    assert collapse.contradictions(values | {"copies": float("nan")}, "higher", sayings)


@pytest.mark.parametrize("sentences_of_answer", [1, 3, 16])
@pytest.mark.parametrize("name", WHOLE_ANSWERS)
def test_one_answer_to_every_prompt_is_at_its_floor(name: str, sentences_of_answer: int) -> None:
    """Also an answer of unlike sentences, which the published form calls diverse."""
    text = " ".join(f"Wa{place} be{place} ko{place}." for place in range(sentences_of_answer))
    given = collapse.inputs_of_conditions({"copies": [text] * 60, "human": [text] * 60})["copies"]
    everything = np.arange(60)
    floor = 1.0 if name.startswith("vendi") else 0.0
    assert measures.get(name).function(given)(everything) == pytest.approx(floor, abs=1e-6)
    assert measures.get(f"{name}@len_matched").function(given)(everything) == pytest.approx(
        floor, abs=1e-6
    )
    if sentences_of_answer == 16:
        assert measures.get("semantic_between").function(given)(everything) > 0.8


def test_the_excess_is_the_distance_between_less_that_within() -> None:
    texts = collapse.conditions(40)["varied"]
    given = collapse.inputs_of_conditions({"varied": texts, "human": texts})["varied"]
    vectors, owner = np.asarray(given.embeddings.vectors, dtype=np.float64), given.embeddings.owner
    blocks = [vectors[owner == row] for row in range(40)]

    def mean_distance(one: np.ndarray, other: np.ndarray) -> float:
        return float((1.0 - one @ other.T).mean())

    within = [mean_distance(each, each) for each in blocks]
    pairs = [
        mean_distance(blocks[a], blocks[b]) - (within[a] + within[b]) / 2
        for a in range(40)
        for b in range(a)
    ]
    evaluate = measures.get("semantic_excess").function(given)
    assert evaluate(np.arange(40)) == pytest.approx(np.mean(pairs), abs=1e-6)
    left = evaluate.left_out(np.arange(40), np.arange(40), 40)
    alone = [evaluate(np.delete(np.arange(40), row)) for row in range(40)]
    assert left == pytest.approx(alone, abs=1e-9)


def test_vectors_under_length_control_weigh_words_before_the_cut() -> None:
    long, short = "One two three. Four five six. Seven eight nine.", "One two three. Four."
    given = collapse.inputs_of_conditions(
        {"long": [long] * 2, "short": [short] * 2, "human": [short] * 2}
    )
    # Four words: all of the first sentence and a third of the second.
    first, second = given["long"].embeddings.vectors[:2].astype(np.float64)
    mean = (first + second / 3) / (4 / 3)
    found = collapse.inputs_of_conditions({"long": [long, "Alpha."], "short": [short, "Beta."],
                                "human": [short] * 2})["long"]  # fmt: skip
    alpha = found.embeddings.vectors[-1].astype(np.float64)
    expected = 1.0 - mean @ alpha / np.linalg.norm(mean)
    value = measures.get("remote_clique@len_matched").function(found)(np.arange(2))
    assert value == pytest.approx(expected, abs=1e-6)


def test_an_answer_cut_before_its_first_word_is_left_out() -> None:
    texts = ["One two.", "Three four.", "Five six."]
    given = collapse.inputs_of_conditions({"a": texts, "b": ["...", *texts[1:]], "human": texts})[
        "a"
    ]
    evaluate = measures.get("remote_clique@len_matched").function(given)
    assert evaluate.counted.tolist() == [False, True, True]
    assert measures.get("remote_clique").function(given).counted.all()


def test_measures_of_a_text_and_of_an_answer_rank_no_sets() -> None:
    for name in TEXTS:
        assert measures.get(name).direction == measures.get(f"response_{name}").direction == "none"
    of_answers = [each for each in measures.all_measures() if each.level == "prompt"]
    quality = {"fact_correct", "refusal"}
    assert {
        each.name
        for each in of_answers
        if each.direction != "none" and "likelihood" not in each.needs
    } == quality


@pytest.mark.parametrize("name", ["config", "laptop", "synthetic-eggs", "wildchat-50m"])
def test_comparisons_of_shipped_studies_rest_on_measures_that_see_collapse(name: str) -> None:
    study = load_study(ROOT / "config" / f"{name}.yaml")
    assert "remote_clique" in study.measures_of("test")
    compared = {name for each in study.comparisons.values() for name in each.measures}
    sets = [each for each in map(measures.get, compared) if each.level == "set"]
    assert [each.name for each in sets if not each.of_set_diversity] == []
    assert "remote_clique" in compared


def test_the_conditions_are_what_they_are_called() -> None:
    made = collapse.conditions(100)
    assert set(made) == {*collapse.CONDITIONS, "human"}
    assert len(set(made["copies"])) == 1 and len(set(made["varied"])) == 100
    assert len({text.split(".")[0] for text in made["prefix"]}) == 1
    for name, change in (("doubled", 2.0), ("truncated", 0.5)):
        sizes = [np.mean([len(words(text)) for text in made[key]]) for key in (name, "varied")]
        assert sizes[0] / sizes[1] == pytest.approx(change, rel=0.1)
    for text, moved in zip(made["varied"], made["shuffled"], strict=True):
        assert sorted(sentences(text)) == sorted(sentences(moved))


def test_vectors_that_do_not_fit_the_sentences_are_refused() -> None:
    given = Inputs(
        frame=pl.DataFrame({"prompt_id": ["a", "b"], "text": ["One. Two.", "Three."]}),
        token_budget=3,
        embeddings=collapse.sentence_vectors(["One.", "Two."]),
        shortest_words={"a": 1, "b": 1},
    )
    with pytest.raises(ValueError, match="2 sentence vectors for 3 sentences"):
        measures.get("remote_clique@len_matched").function(given)
