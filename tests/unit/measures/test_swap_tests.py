"""Swap tests: against measures computed one by one, at their level, and in any order of rows."""

from __future__ import annotations

import random

import numpy as np
import pytest
from lexical_inputs import inputs as lexical_inputs
from lexical_inputs import random_texts
from repository import ROOT

from manybaskets import measures
from manybaskets.config.evaluation import Comparison
from manybaskets.config.loading import load_study
from manybaskets.errors import UserError
from manybaskets.measures import Inputs, SentenceVectors
from manybaskets.measures.swap_p_values import between_runs, swap_p
from manybaskets.measures.swap_tests import (
    SWAPPED,
    can_be_swapped,
    check_families,
    pair_of,
    swap_patterns,
    swap_tests,
    swap_values,
    swappable,
)

IDS = [f"{text:04x}-{place}" for text in range(20) for place in range(1 + text % 2)]
SHORTEST = {each: 4 for each in IDS}
NAMES = [
    "self_bleu", "self_bleu@len_matched", "self_bleu@token_budget", "distinct_2", "vocabulary",
    "vocabulary@token_budget", "token_entropy", "mtld", "self_repetition", "sentence_between",
    "tail_coverage", "hdd@token_budget", "semantic_between", "semantic_sentences",
]  # fmt: skip
REFERENCES = random_texts(len(IDS), 3, longest=20, vocabulary=60)


def condition(seed: int, texts: list[str] | None = None) -> Inputs:
    """Answers to all prompts, with made-up sentence vectors that hang on the text alone."""
    texts = texts or random_texts(len(IDS), seed, longest=30, vocabulary=60)
    given = lexical_inputs(
        texts, budget=150, references=REFERENCES, shortest=SHORTEST, ids=IDS, seed=9
    )
    owner, vectors = [], []
    for row, text in enumerate(texts):
        for sentence in range(1 + len(text) % 3):
            rng = np.random.default_rng([len(text), sentence, *map(ord, text[:8])])
            vector = 1 + rng.normal(size=5)
            owner.append(row)
            vectors.append(vector / np.linalg.norm(vector))
    given.embeddings = SentenceVectors(np.array(vectors, dtype=np.float32), np.array(owner))
    return given


@pytest.mark.parametrize("name", NAMES)
def test_values_are_those_of_the_swapped_answers_alone(name: str) -> None:
    """Every swap by hand: two conditions with exchanged texts, each measured by itself."""
    wanted = [measures.get(name)]
    first, second = condition(1), condition(2)
    pair = pair_of(first, second, IDS)
    found = swap_values(pair, wanted, 6, seed=5)[name]
    assert found.shape == (2, 7) and np.isfinite(found).all()
    patterns = swap_patterns(pair.clusters, 6, 5)
    assert 0 < patterns.mean() < 1
    for column, pattern in enumerate([np.zeros(len(pair.clusters), dtype=int), *patterns]):
        turned = dict(zip(pair.clusters, pattern.tolist(), strict=True))
        for side in (0, 1):
            texts = [
                (first, second)[side ^ turned[prompt.split("-")[0]]].texts[place]
                for place, prompt in enumerate(IDS)
            ]
            alone = wanted[0].function(condition(0, texts))(np.arange(len(IDS)))
            assert found[side, column] == pytest.approx(alone, rel=1e-6), (column, side)


def test_only_the_prompts_that_all_conditions_answered_are_swapped() -> None:
    pair = pair_of(condition(1), condition(2), IDS[:10])
    assert pair.inputs.frame["prompt_id"].unique(maintain_order=True).to_list() == IDS[:10]
    assert pair.side.tolist() == [0, 1] * 10
    wanted = [measures.get("vocabulary")]
    found = swap_values(pair, wanted, 1, 1)["vocabulary"]
    for side, each in enumerate((condition(1), condition(2))):
        assert found[side, 0] == wanted[0].function(each)(np.arange(10))


def test_many_rows_are_swapped_in_parts(monkeypatch) -> None:
    pair = pair_of(condition(1), condition(2), IDS)
    wanted = [measures.get(name) for name in ("distinct_2", "vocabulary@token_budget")]
    whole = swap_values(pair, wanted, 11, 5)
    monkeypatch.setattr("manybaskets.measures.swap_tests._CELLS_AT_ONCE", 8 * len(pair.side))
    for name, values in swap_values(pair, wanted, 11, 5).items():
        assert np.array_equal(values, whole[name])


def test_p_counts_swaps_that_reach_the_difference_and_undefined_ones() -> None:
    values = np.zeros((1, 2, 10))
    values[0, 0] = [5.0, 1, 2, 5, -5, 4.9, 0, 0, 0, np.nan]
    assert swap_p(values, [0], [0], 1) == pytest.approx((1 + 3) / 10)
    values[0, 1, 0] = np.nan
    assert swap_p(values, [0], [0], 1) is None
    same = np.ones((1, 2, 10))
    assert swap_p(same, [0], [0], 1) == 1.0


def test_the_statistic_is_the_difference_of_the_means_over_runs() -> None:
    """Three seeds against the untuned model; each swap's difference as large as its number says."""
    values = np.zeros((3, 2, 5))
    values[:, 0, 0] = [3.0, 3.0, 3.0]
    values[:, 1, 0] = 1.0
    values[:, 0, 1:] = [[6, 1, 2, 0], [0, 1, 2, 0], [0, 1, 2, 0]]
    assert swap_p(values, [0, 1, 2], [0, 0, 0], 1) == pytest.approx((1 + 2) / 5)


def test_p_is_uniform_where_conditions_are_exchangeable() -> None:
    """p ≤ x in a share x of 200 studies of two conditions that draw from the same words."""
    rng, found = random.Random(7), []
    wanted = [measures.get(name) for name in ("token_entropy", "self_bleu")]
    for study in range(200):
        ids = [f"{place:04x}-0" for place in range(12)]
        topics = [rng.choices(range(40), k=4) for _ in ids]
        both = [
            lexical_inputs(
                [
                    " ".join(f"w{rng.choice(topic)}" for _ in range(rng.randint(3, 9)))
                    for topic in topics
                ],
                ids=ids,
            )
            for _ in range(2)
        ]
        values = swap_values(pair_of(*both, ids), wanted, 99, study)
        found.append([swap_p(values[each.name][None], [0], [0], 1) for each in wanted])
    p = np.array(found)
    assert ((p >= 0.01) & (p <= 1)).all()
    assert ((p <= 0.05).mean(axis=0) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 200)).all()
    assert (np.abs((p <= 0.3).mean(axis=0) - 0.3) < 0.1).all()


def test_a_difference_is_found_and_trainings_are_none() -> None:
    rich = [condition(seed) for seed in (1, 2, 3)]
    poor = [
        condition(0, random_texts(len(IDS), seed, longest=30, vocabulary=4)) for seed in (4, 5, 6)
    ]
    wanted = [measures.get("vocabulary")]

    def p_of(first: list[Inputs], second: list[Inputs]) -> float:
        values = [
            swap_values(pair_of(a, b, IDS), wanted, 199, 1)["vocabulary"]
            for a, b in zip(first, second, strict=True)
        ]
        return swap_p(np.stack(values), range(3), range(3), 1)

    assert p_of(rich, poor) < 0.02
    # Conditions whose trainings differ as much as rich from poor, without a difference on average.
    assert p_of([rich[0], poor[0], rich[1]], [poor[1], rich[2], rich[1]]) > 0.1
    assert p_of([rich[0], rich[1], poor[0]], [poor[1], poor[2], rich[2]]) > 0.1


def test_all_comparisons_of_a_model() -> None:
    given = {("a", 1): 1, ("a", 2): 2, ("b", 1): 3, ("b", 2): 4, ("vanilla", 0): 5}
    asked = []

    def read(mix, seed, prompt_set, wanted):
        asked.append((mix, seed, prompt_set, [each.name for each in wanted]))
        return condition(given[mix, seed])

    families = {
        "one": Comparison(
            baseline="b", conditions=["a"], measures=["vocabulary", "response_words"]
        ),
        "two": Comparison(baseline="vanilla", conditions=["b", "a"], measures=["self_bleu"]),
        "three": Comparison(baseline="b", conditions=["a"], measures=["self_bleu", "vocabulary"]),
        "none": Comparison(baseline="b", conditions=["a"], measures=["response_words"]),
    }
    chosen = swappable(families)
    assert list(chosen) == ["one", "two", "three"] and chosen["one"].measures == ["vocabulary"]
    seeds = {"a": [1, 2], "b": [1, 2], "vanilla": [0]}
    found = swap_tests(chosen, "tiny", seeds, read, {"test": IDS}, 49, 1)
    assert found.schema == SWAPPED
    keys = found.select("family", "measure", "mix", "baseline").rows()
    assert keys == [
        ("one", "vocabulary", "a", "b"),
        ("three", "self_bleu", "a", "b"),
        ("three", "vocabulary", "a", "b"),
        ("two", "self_bleu", "a", "vanilla"),
        ("two", "self_bleu", "b", "vanilla"),
    ]
    assert found["p"][0] == found["p"][2]
    assert set(found["swaps"]) == {49} and found["p"].is_between(1 / 50, 1).all()
    # Once for every pair of seeds of the three pairs of mixes; `vanilla` with each.
    assert len(asked) == 12 and asked[0][3] == ["self_bleu", "vocabulary"]
    reordered = dict(reversed(chosen.items()))
    assert swap_tests(reordered, "tiny", seeds, read, {"test": IDS[::-1]}, 49, 1).equals(found)


def test_what_cannot_be_swapped() -> None:
    assert can_be_swapped("self_bleu@token_budget") and can_be_swapped("semantic_between")
    assert not can_be_swapped("compression_ratio")  # too dear
    assert not can_be_swapped("response_words")  # has a sign-flip test
    assert not can_be_swapped("human_corpus_nll")  # of a run, not of a text


def test_a_study_whose_families_are_too_large_is_refused() -> None:
    study = load_study(ROOT / "config/config.yaml")
    check_families(study)
    few = study.statistics.model_copy(update={"answer_swaps": 99})
    with pytest.raises(UserError, match="statistics.answer_swaps = 99"):
        check_families(study.model_copy(update={"statistics": few}))
    none = study.statistics.model_copy(update={"answer_swaps": 0})
    check_families(study.model_copy(update={"statistics": none}))
    flips = study.statistics.model_copy(update={"sign_flips": 99})
    with pytest.raises(UserError, match="statistics.sign_flips = 99"):
        check_families(study.model_copy(update={"statistics": flips}))


def test_the_runs_of_all_tested_conditions_tell_how_trainings_vary() -> None:
    """Three mixes trained twice against the untuned model: three degrees of freedom, not one."""
    rng = np.random.default_rng(31)
    tables, runs = {}, {}
    for mix in "abc":
        table = rng.normal(size=(2, 2, 20))
        table[:, 0, 0], table[:, 1, 0] = (1.0, 1.2), 0.5
        tables["m", "test", mix, "vanilla"] = table
        runs["test", mix, "vanilla"] = [0, 1], [0, 0]
    between = between_runs(tables, runs, "tiny")["m", "test", "a", "vanilla"]
    assert between.variance == pytest.approx(np.var([1.0, 1.2], ddof=1) / 2)
    assert between.degrees == 3
    assert between_runs(tables, runs, "sources")["m", "test", "a", "vanilla"] is None
