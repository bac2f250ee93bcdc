"""Set measures on answers of two conditions in one table, picked prompt by prompt.

Whatever is picked must have the value that the same answers have by themselves: swap tests rest on
it.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from lexical_inputs import random_texts
from semantic_inputs import unit

from manybaskets.measures import Inputs, SentenceVectors, all_measures, get, mauve, world
from manybaskets.measures.subsets import Subsets
from manybaskets.measures.tokens import sentences, words
from manybaskets.measures.variants import budgeted

PROMPTS = 45
IDS = [f"{prompt:05d}" for prompt in range(PROMPTS)]
MEASURES = [
    each.name
    for each in all_measures()
    if each.level == "set"
    and not each.needs & {"truth", "likelihood"}
    and each.function.__module__ != world.__name__
]


def conditions(samples: int) -> tuple[list[list[str]], list[str]]:
    """Texts of two conditions, the second longer, in the order of prompts; and human answers."""
    count = PROMPTS * samples
    first = in_sentences(random_texts(count, 1, longest=30, vocabulary=20))
    second = in_sentences(random_texts(count, 2, longest=50, vocabulary=30))
    first[3], second[7] = "", "?!"
    return [first, second], random_texts(PROMPTS, 3, longest=60, vocabulary=200)


def in_sentences(texts: list[str]) -> list[str]:
    """The same texts with a sentence's end after every tenth word."""
    return [
        " ".join(
            f"{word}!\n" if place % 10 == 9 else word for place, word in enumerate(text.split())
        )
        for text in texts
    ]


def sentence_vectors(texts: list[str]) -> SentenceVectors:
    """A made-up vector for every sentence."""
    found, owner = [], []
    for row, text in enumerate(texts):
        for each in sentences(text):
            rng = np.random.default_rng(len(each) * 7 + sum(map(ord, each)))
            found.append(rng.normal(size=12) + 0.4)
            owner.append(row)
    return SentenceVectors(unit(np.array(found)), np.array(owner))


def inputs(ids: list[str], texts: list[str], human: list[str]) -> Inputs:
    references = [human[IDS.index(prompt_id)] for prompt_id in ids]
    frame = pl.DataFrame({"prompt_id": ids, "text": texts, "reference": references})
    return Inputs(
        frame=frame,
        token_budget=400,
        embeddings=sentence_vectors(texts),
        reference_embeddings=sentence_vectors(references),
        shortest_words={prompt_id: 12 for prompt_id in IDS},
        seed=5,
    )


@pytest.mark.parametrize("samples", [1, 2])
@pytest.mark.parametrize("name", MEASURES)
def test_picked_answers_have_the_value_that_they_have_alone(name, samples, monkeypatch) -> None:
    monkeypatch.setattr(mauve, "_FEWEST", 20)
    (first, second), human = conditions(samples)
    ids = [prompt_id for prompt_id in IDS for _ in range(2 * samples)]
    # Of every prompt the answers of one condition, then those of the other.
    texts = [
        text
        for prompt in range(PROMPTS)
        for condition in (first, second)
        for text in condition[prompt * samples : (prompt + 1) * samples]
    ]
    rng = np.random.default_rng(0)
    chosen = [np.zeros(PROMPTS, dtype=int), np.ones(PROMPTS, dtype=int)]
    chosen += [rng.integers(0, 2, PROMPTS) for _ in range(3)]
    start = np.arange(PROMPTS) * 2 * samples
    picked = [
        (start[:, None] + which[:, None] * samples + np.arange(samples)).ravel() for which in chosen
    ]
    evaluate = get(name).function(inputs(ids, texts, human))
    found = evaluate.many(Subsets(picked, len(texts)))
    for place, index in enumerate(picked):
        alone = get(name).function(
            inputs([ids[row] for row in index], [texts[row] for row in index], human)
        )
        expected = alone(np.arange(len(index)))
        assert np.isfinite(expected)
        assert evaluate(index) == pytest.approx(expected, rel=1e-9)
        # Costly measures read half-samples more cheaply than the first set, and are not swapped.
        if get(name).most_draws is None:
            assert found[place] == pytest.approx(expected, rel=1e-9)
    assert len({round(value, 9) for value in found}) > 1 or name.startswith("heaps_fit_ok")


def test_the_budget_of_picked_answers_goes_by_their_prompts() -> None:
    (first, second), human = conditions(1)
    ids = [prompt_id for prompt_id in IDS for _ in range(2)]
    texts = [text for pair in zip(first, second, strict=True) for text in pair]
    given = inputs(ids, texts, human)
    whole, half = np.arange(1, 2 * PROMPTS, 2), np.arange(1, PROMPTS, 2)
    for index, budget in ((whole, 400), (half, 400 * len(half) / PROMPTS)):
        (taken,) = budgeted(given, Subsets([index], 2 * PROMPTS)).indices
        order = [row for row in np.argsort(given.orders(1)[0]) if row in set(index)]
        lengths = np.cumsum([len(words(texts[row])) for row in order])
        assert set(taken) == set(np.array(order)[lengths <= budget])
        assert 3 < len(taken) < len(index)
