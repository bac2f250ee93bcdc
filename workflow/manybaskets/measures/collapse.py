"""What every measure of a set's diversity says to made-up sets of answers that collapsed.

One varied set of answers and six that are made from it are measured together, as conditions of one
study: `measured` gives the values, `EXPECTED` what they must say.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import polars as pl

from manybaskets.measures import world
from manybaskets.measures.inputs import Inputs, SentenceVectors
from manybaskets.measures.registry import SEPARATOR, Measure
from manybaskets.measures.tokens import sentences, words
from manybaskets.measures.variants import LEN_MATCHED
from manybaskets.world.dataset_rows import make_dataset
from manybaskets.world.habits import APPLY, HABITS

BASE = "varied"
# Condition: what it is, in words; every condition answers the same prompts.
CONDITIONS = {
    BASE: "every prompt has a topic of its own, and its answer four to eight sentences about it",
    "copies": "one of these answers, given to every prompt",
    "classes": "eight of these answers, each given to an eighth of the prompts with one word in "
    "seven exchanged",
    "prefix": "the same sentence in front of every answer",
    "shuffled": "the sentences of every answer in another order",
    "doubled": "every answer followed by as many new sentences about its topic",
    "truncated": "the first half of the words of every answer",
}
_WORLD_CLASSES = 3  # of measures of the embedded world, whose answers have one of four habits
Sayings = Mapping[str, str]
# What a set-level measure with a direction must say, against the varied set: `least` (less diverse
# than in all other conditions), `less`, or `same`; a condition that is missing may change it.
_EXPECTED: Sayings = {"copies": "least", "classes": "less", "prefix": "less", "shuffled": "same"}
# Equal words of each answer: what follows them changes nothing.
_CUT: Sayings = {**_EXPECTED, "doubled": "same", "truncated": "same"}
_WORLD: Sayings = {"copies": "least", "classes": "less"}
# Conditions that a measure does not see, and why.
BLIND = {
    "heaps_beta": {
        "prefix": "a constant sentence adds no words, and their growth keeps its exponent"
    },
}
SAME = 0.15  # of the way from the varied set to copies

_CLASSES = 8
_EXCHANGED = 1 / 7
_COMMON, _TOPIC = 400, 25  # words
_VOCABULARY = 6000
_DIMENSIONS = 48
_SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "ar", "en", "os")]


def expected(measure: Measure) -> Sayings:
    """What a measure must say by condition; empty for one that does not rank sets by diversity."""
    if not measure.of_set_diversity or "likelihood" in measure.needs:
        return {}
    if _of_world(measure):
        return _WORLD
    name, _, variant = measure.name.partition(SEPARATOR)
    blind = BLIND.get(name, {})
    sayings = _CUT if variant == LEN_MATCHED else _EXPECTED
    return {key: saying for key, saying in sayings.items() if key not in blind}


def _of_world(measure: Measure) -> bool:
    return measure.function.__module__ == world.__name__


def _words(rng: random.Random) -> list[str]:
    made: dict[str, None] = {}
    while len(made) < _VOCABULARY:
        made["".join(rng.choices(_SYLLABLES, k=rng.randint(2, 3)))] = None
    return list(made)


class _Writer:
    """Sentences of made-up words, half of them common to all topics."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.vocabulary = _words(self.rng)
        self.weights = [1 / (place + 3) for place in range(_COMMON)]

    def topic(self) -> list[str]:
        """Words of a topic."""
        return self.rng.sample(self.vocabulary[_COMMON:], _TOPIC)

    def sentence(self, topic: Sequence[str]) -> str:
        """A sentence of six to twelve words about a topic."""
        size = self.rng.randint(6, 12)
        common = self.rng.choices(self.vocabulary[:_COMMON], self.weights, k=size // 2)
        chosen = common + self.rng.choices(topic, k=size - len(common))
        self.rng.shuffle(chosen)
        return " ".join(chosen).capitalize() + "."

    def exchanged(self, text: str) -> str:
        """The text with some of its words exchanged."""
        kept = [
            self.rng.choice(self.vocabulary[_COMMON:]) + each[len(each.rstrip(".")) :]
            if self.rng.random() < _EXCHANGED
            else each
            for each in text.split()
        ]
        return " ".join(each.capitalize() if old[0].isupper() else each
                        for each, old in zip(kept, text.split(), strict=True))  # fmt: skip


@cache
def conditions(prompts: int, seed: int = 1) -> dict[str, list[str]]:
    """The answers of every condition, and those of `human`, another varied set on the same topics."""
    writer = _Writer(seed)
    topics = [writer.topic() for _ in range(prompts)]

    def answers() -> list[list[str]]:
        return [
            [writer.sentence(topic) for _ in range(writer.rng.randint(4, 8))] for topic in topics
        ]

    varied = answers()
    base = [" ".join(each) for each in varied]
    shuffled = [writer.rng.sample(each, len(each)) for each in varied]
    more = [
        [*each, *(writer.sentence(topic) for _ in each)]
        for each, topic in zip(varied, topics, strict=True)
    ]
    prefix = writer.sentence(writer.topic())
    ordered = sorted(base, key=lambda text: (len(words(text)), text))
    middle = ordered[prompts // 2 - _CLASSES // 2 :][:_CLASSES]
    return {
        BASE: base,
        "copies": [middle[0]] * prompts,
        "classes": [writer.exchanged(middle[place % _CLASSES]) for place in range(prompts)],
        "prefix": [f"{prefix} {text}" for text in base],
        "shuffled": [" ".join(each) for each in shuffled],
        "doubled": [" ".join(each) for each in more],
        "truncated": [" ".join(text.split()[: len(text.split()) // 2]) + "." for text in base],
        "human": [" ".join(each) for each in answers()],
    }


@cache
def _word_vector(word: str) -> np.ndarray:
    seed = [*word.encode()]
    return np.random.default_rng(seed).normal(size=_DIMENSIONS)


def sentence_vectors(texts: Sequence[str]) -> SentenceVectors:
    """Vectors of a made-up encoder: the sum of one random vector per word, at length 1."""
    listed = [sentences(text) for text in texts]
    owner = np.repeat(np.arange(len(texts)), [len(each) for each in listed])
    found = [
        np.sum([_word_vector(word) for word in words(each)], axis=0)
        for text in listed
        for each in text
    ]
    vectors = np.array(found).reshape(len(owner), _DIMENSIONS)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return SentenceVectors(vectors.astype(np.float32), owner)


def inputs_of_conditions(answers: Mapping[str, Sequence[str]]) -> dict[str, Inputs]:
    """Inputs of measures for every condition of a study with these answers and `human`."""
    human = answers["human"]
    compared = {name: list(texts) for name, texts in answers.items() if name != "human"}
    lengths = {name: [len(words(text)) for text in texts] for name, texts in compared.items()}
    ids = [f"{place:05d}" for place in range(len(human))]
    shortest = dict(zip(ids, map(min, zip(*lengths.values(), strict=True)), strict=True))
    reference_vectors = sentence_vectors(human)
    return {
        name: Inputs(
            frame=pl.DataFrame({"prompt_id": ids, "text": texts, "reference": list(human)}),
            token_budget=min(map(sum, lengths.values())),
            embeddings=sentence_vectors(texts),
            reference_embeddings=reference_vectors,
            shortest_words=shortest,
        )
        for name, texts in compared.items()
    }


@cache
def _compared(prompts: int) -> dict[str, Inputs]:
    return inputs_of_conditions(conditions(prompts))


@cache
def _of_embedded_world(prompts: int) -> dict[str, Inputs]:
    """Answers of the embedded world, each with one of its habits; copies, and a few classes."""
    rows = make_dataset(rows=prompts, towns=12, seed=5)
    ids = [f"{place:05d}" for place in range(prompts)]
    columns = ("kind", "fact", "value", "phrasing")
    truth = pl.DataFrame({"prompt_id": ids} | {c: [getattr(r, c) for r in rows] for c in columns})
    habit = [APPLY[HABITS[place % len(HABITS)]] for place in range(prompts)]
    texts = [shown(row.response) for shown, row in zip(habit, rows, strict=True)]
    made = {
        BASE: texts,
        "copies": texts[:1] * prompts,
        "classes": [texts[place % _WORLD_CLASSES] for place in range(prompts)],
    }
    return {
        name: Inputs(pl.DataFrame({"prompt_id": ids, "text": each}), token_budget=1, truth=truth)
        for name, each in made.items()
    }


def measured(wanted: Sequence[Measure], prompts: int) -> dict[str, dict[str, float]]:
    """Value of set-level measures by name and condition; NaN where undefined."""
    everything = np.arange(prompts)
    values = {}
    for each in wanted:
        given = _of_embedded_world(prompts) if _of_world(each) else _compared(prompts)
        values[each.name] = {
            name: float(each.function(inputs)(everything)) for name, inputs in given.items()
        }
    return values


def contradictions(values: Mapping[str, float], direction: str, sayings: Sayings) -> list[str]:
    """What a measure's values say that they must not, in words; empty if all is right.

    Args:
        values: by condition.
        direction: `higher` or `lower` is more diverse.
        sayings: of `expected`.
    """
    sign = 1.0 if direction == "higher" else -1.0
    diversity = {name: sign * value for name, value in values.items()}
    base, copies = diversity[BASE], diversity["copies"]
    wrong = []
    for name, saying in sayings.items():
        value = diversity[name]
        right = {
            "least": all(value < other for key, other in diversity.items() if key != name),
            "less": value < base,
            "same": abs(value - base) <= SAME * abs(base - copies),
        }[saying]
        if not right:
            wrong.append(f"{name}: {values[name]:.4g} is not {saying}, varied: {values[BASE]:.4g}")
    return wrong
