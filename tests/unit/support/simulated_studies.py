"""Simulated studies with a known truth: values of prompts in clusters, texts, sentence vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from manybaskets.measures import Inputs, SentenceVectors
from manybaskets.statistics.bootstrap import Mean, difference_of, mean_of
from manybaskets.statistics.clusters import cluster_sums


@dataclass(frozen=True)
class Design:
    """How the values of two conditions arise; the paired differences have the mean `truth`.

    difference(seed, prompt) = truth + cluster's own (normal or skewed, sd 1) + training (sd
    `training`, of each seed, of conditions with several) + answer (sd `answer`, of each condition,
    seed, prompt). A condition with one seed is like the untuned model: there is no other training.
    """

    clusters: int
    largest: int = 1  # prompts of a cluster: 1 to this number, evenly
    skewed: bool = False
    seeds: tuple[int, int] = (1, 1)
    training: float = 0.0
    answer: float = 0.5
    truth: float = 0.0

    def values(self, rng: np.random.Generator) -> tuple[np.ndarray, list[np.ndarray]]:
        """Cluster of every prompt, and `values[seed, prompt]` of both conditions."""
        sizes = rng.integers(1, self.largest + 1, self.clusters)
        cluster = np.repeat(np.arange(self.clusters), sizes)
        own = (
            rng.exponential(1, self.clusters) - 1 if self.skewed else rng.normal(size=self.clusters)
        )
        found = [
            (seeds > 1) * self.training * rng.normal(size=(seeds, 1))
            + self.answer * rng.normal(size=(seeds, len(cluster)))
            for seeds in self.seeds
        ]
        found[0] += self.truth + own[cluster]
        return cluster, found

    def difference(self, rng: np.random.Generator, name: str) -> Mean:
        """The mean of the paired differences of one study."""
        cluster, values = self.values(rng)
        sizes = cluster_sums(cluster, np.ones(len(cluster)))
        means = [
            mean_of(cluster_sums(cluster, each), sizes, (name, str(side)))
            for side, each in enumerate(values)
        ]
        return difference_of(*means)


@dataclass(frozen=True)
class Refusals:
    """How shares arise: prompts lean to an answer, those of one text alike, trainings move all."""

    share: float
    clusters: int = 60
    largest: int = 1
    seeds: int = 1
    training: float = 0.0

    def mean(self, rng: np.random.Generator, name: str) -> tuple[Mean, int]:
        """The share of one study, and its number of answers."""
        from scipy.stats import norm

        cluster = np.repeat(
            np.arange(self.clusters), rng.integers(1, self.largest + 1, self.clusters)
        )
        own = 0.8 if self.largest > 1 or self.seeds > 1 else 0.0
        # E Φ(x) is the share where x is normal with this mean and these two sd.
        middle = norm.ppf(self.share) * np.sqrt(1 + own**2 + self.training**2)
        leaning = middle + own * rng.normal(size=self.clusters)[cluster]
        leaning = leaning + self.training * rng.normal(size=(self.seeds, 1))
        values = (rng.normal(size=(self.seeds, len(cluster))) < leaning).astype(float)
        sizes = cluster_sums(cluster, np.ones(len(cluster)))
        return mean_of(cluster_sums(cluster, values), sizes, ("m", name)), values.size


def semantic_study(rng: np.random.Generator, prompts: int) -> list[Inputs]:
    """Two conditions' sentence vectors: those of an answer are alike, and answers to a prompt.

    The texts have as many sentences, of two to six words, which are not what the vectors are of.
    """
    ids = [f"{place:05d}-0" for place in range(prompts)]
    topic = rng.normal(size=(prompts, 12))
    frames, embedded = [], []
    for _ in range(2):
        number = rng.integers(1, 6, prompts)
        owner = np.repeat(np.arange(prompts), number)
        answer = topic + 0.5 * rng.normal(size=(prompts, 12))
        vectors = 1 + answer[owner] + 0.5 * rng.normal(size=(len(owner), 12))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        embedded.append(SentenceVectors(vectors.astype(np.float32), owner))
        texts = [
            " ".join("The" + " word" * (1 + (place + each) % 5) + "." for each in range(sentences))
            for place, sentences in enumerate(number)
        ]
        frames.append(pl.DataFrame({"prompt_id": ids, "text": texts}))
    shortest = _shortest(frames)
    return [
        Inputs(frame=frame, token_budget=0, embeddings=each, shortest_words=shortest)
        for frame, each in zip(frames, embedded, strict=True)
    ]


def text_study(
    rng: np.random.Generator, prompts: int, trainings: int = 1, drift: float = 0.0
) -> list[Inputs]:
    """Two conditions' answers: words of the prompt's topic, common ones and stock phrases.

    All trainings of the first condition, then those of the second. Trainings differ in the share
    of words of the topic, by a standard deviation of `drift` around a half.
    """
    words = np.array([f"w{place}" for place in range(600)])
    common = 1 / np.arange(1, 601)
    common /= common.sum()
    fixed = np.random.default_rng(0)  # the phrases are the world's, not the study's
    phrases = [words[fixed.choice(600, 5, p=common)] for _ in range(40)]
    topics = rng.choice(600, (prompts, 12))
    ids = [f"{place:05d}-0" for place in range(prompts)]
    references = [" ".join(words[rng.choice(600, 15, p=common)]) for _ in ids]
    frames = []
    for _ in range(2 * trainings):
        texts = []
        on_topic = 0.5 + (drift * rng.normal() if drift else 0.0)
        for topic in topics:
            length = 4 + rng.poisson(12)
            own = np.where(
                rng.random(length) < on_topic,
                rng.choice(topic, length),
                rng.choice(600, length, p=common),
            )
            stock = phrases[int(40 * rng.random() ** 3)]
            texts.append(" ".join([*words[own], *stock]))
        frames.append(pl.DataFrame({"prompt_id": ids, "text": texts, "reference": references}))
    shortest = _shortest(frames)
    return [
        Inputs(frame=frame, token_budget=prompts * 18, shortest_words=shortest, seed=1)
        for frame in frames
    ]


def _shortest(frames: Sequence[pl.DataFrame]) -> dict[str, int]:
    """Words of the shortest answer to each prompt in any of the conditions."""
    words = pl.col("text").str.split(" ").list.len().alias("words")
    found = pl.concat(frames).group_by("prompt_id").agg(words.min())
    return dict(found.iter_rows())


def sentence_study(rng: np.random.Generator, prompts: int) -> list[Inputs]:
    """Two conditions' answers of whole sentences from a stock with a long tail, one word changed.

    Answers share sentences, as after training on one source, and have one to many of them.
    """
    fixed = np.random.default_rng(5)  # the stock is the world's, not the study's
    words = np.array([f"w{place}" for place in range(3000)])
    common = 1 / (np.arange(1, 3001) + 2.7)
    common /= common.sum()
    stock = [words[fixed.choice(3000, 4 + fixed.poisson(6), p=common)] for _ in range(400)]
    known = 1 / np.arange(1, 401) ** 1.2
    known /= known.sum()
    ids = [f"{place:05d}-0" for place in range(prompts)]
    topics = rng.choice(3000, (prompts, 3), p=common)
    references = [" ".join(words[rng.choice(3000, 20, p=common)]) for _ in ids]
    frames = []
    for _ in range(2):
        texts = []
        for topic in topics:
            sentences = []
            for number in rng.choice(400, 1 + rng.geometric(0.35), p=known):
                sentence = stock[number].copy()
                if rng.random() < 0.7:
                    sentence[rng.integers(len(sentence))] = words[rng.choice(topic)]
                sentences.append(" ".join(sentence).capitalize() + ".")
            texts.append(" ".join(sentences))
        frames.append(pl.DataFrame({"prompt_id": ids, "text": texts, "reference": references}))
    shortest = _shortest(frames)
    # The same in all studies: it is a part of what is estimated.
    return [Inputs(frame, prompts * 30, shortest_words=shortest, seed=1) for frame in frames]
