"""Judges whose nature is known, and the readings that they would give: a scripted engine's answers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from manybaskets.experiments.preference.roles import Roles
from manybaskets.experiments.preference.schemas import READINGS

MODELS = ["llama", "qwen", "gemma", "mistral"]
AUTHORS = [*MODELS, "human"]
WORDS = {"llama": 100.0, "qwen": 100.0, "gemma": 100.0, "mistral": 100.0, "human": 100.0}
ROLES = Roles(
    selves={"llama": "llama"},
    models=MODELS,
    mixes=["vanilla", "single", "multi"],
    taught={"single": ["llama"], "multi": ["llama", "qwen", "gemma"]},
    held_out=["mistral"],
    pairs=[("single", "vanilla"), ("multi", "vanilla"), ("single", "multi")],
)
MARKERS = ("A/B", "1/2")


@dataclass(frozen=True)
class Planted:
    """What moves a judge's log-odds for the text that stands first.

    Attributes:
        self_bias: for the text of `llama`, or its own.
        quality: weight of the difference in quality.
        length: weight of the difference in log words.
        place: for the first place.
        noise: standard deviation of a reading's own noise.
        trainings: standard deviation over training seeds of `self_bias`.
        grows: whether `self_bias` is in proportion to the length of the article.
        tails: scale of the bias' spread over articles, t with 2.5 degrees of freedom.
        brief_human: for human texts that are shorter than most.
        opinion: standard deviation of an opinion of its own on every text.
        shared: share of the variance of that opinion that judges have in common.
        mass: probability of the markers.
    """

    self_bias: float = 0.0
    quality: float = 1.0
    length: float = 0.0
    place: float = 0.0
    noise: float = 0.3
    trainings: float = 0.0
    grows: bool = False
    tails: float = 0.0
    brief_human: float = 0.0
    opinion: float = 0.0
    shared: float = 0.0
    mass: float = 0.98


@dataclass(frozen=True)
class Corpus:
    """Articles and texts: how good and how long each author's are, and how much articles differ."""

    articles: int = 60
    words: dict[str, float] = field(default_factory=lambda: dict(WORDS))
    good: dict[str, float] = field(default_factory=dict)
    spread: float = 0.5
    words_spread: float = 0.3


class Script:
    """Texts of one corpus, the same for all judges, and the readings of any judge of them."""

    def __init__(self, corpus: Corpus, rng: np.random.Generator) -> None:
        self.corpus, self.rng = corpus, rng
        shape = corpus.articles
        self.good = {
            name: corpus.good.get(name, 0.0) + corpus.spread * rng.normal(size=shape)
            for name in AUTHORS
        }
        self.words = {
            name: np.maximum(
                1,
                np.rint(corpus.words[name] * np.exp(corpus.words_spread * rng.normal(size=shape))),
            ).astype(int)
            for name in AUTHORS
        }

        # Streams of their own, so that other draws are the same with and without them.
        self.extra, common, lengths = rng.spawn(3)
        self.common = {name: common.normal(size=shape) for name in AUTHORS}
        self.article_words = np.exp(0.4 * lengths.normal(size=shape) - 0.08)

    def write(self, author: str, good: float = 0.0, words: float = 100.0) -> None:
        """Add the texts of another author, such as a run's own."""
        shape = self.corpus.articles
        self.good[author] = good + self.corpus.spread * self.rng.normal(size=shape)
        drawn = words * np.exp(self.corpus.words_spread * self.rng.normal(size=shape))
        self.words[author] = np.maximum(1, np.rint(drawn)).astype(int)
        self.common[author] = self.extra.normal(size=shape)

    def read(
        self,
        judge: Planted,
        mix: str = "vanilla",
        seeds: tuple[int, ...] = (0,),
        *,
        target: str = "llama",
        authors: list[str] | None = None,
        mine: tuple[str, ...] = ("llama", "own"),
        variant: str = "corrected",
        corrupted: tuple[str, ...] = ("llama", "human"),
    ) -> pl.DataFrame:
        """All readings of a judge: pairs and corrupted pairs in both orders, and scores."""
        authors = authors or AUTHORS
        columns: dict[str, list] = {name: [] for name in READINGS}
        number = self.corpus.articles
        self.opinions = {
            name: judge.opinion * (
                np.sqrt(judge.shared) * self.common[name]
                + np.sqrt(1 - judge.shared) * self.extra.normal(size=number)
            )
            for name in dict.fromkeys([*authors, *corrupted])
        }  # fmt: skip
        scattered = judge.tails * self.extra.standard_t(2.5, size=number)
        for seed in seeds:
            bias = judge.self_bias + judge.trainings * self.rng.normal()
            bias = bias * (self.article_words if judge.grows else 1.0) + scattered
            base = {"target": target, "mix": mix, "seed": seed, "variant": variant}
            for one in authors:
                for other in authors:
                    if one != other:
                        self._pairs(columns, base, judge, bias, mine, one, other, "pairwise")
            if variant == "corrected":
                for name in corrupted:
                    for one, other in ((name, f"{name}~shuffled"), (f"{name}~shuffled", name)):
                        self._pairs(columns, base, judge, bias, mine, one, other, "discrimination")
            for name in authors:
                self._scores(columns, base, judge, bias, mine, name)
        return pl.DataFrame(columns, schema=READINGS)

    def _value(self, judge: Planted, bias: float, mine, name: str) -> np.ndarray:
        author = name.removesuffix("~shuffled")
        good = self.good[author] - (3.0 if author != name else 0.0)
        liked = bias if author in mine and author == name else 0.0
        brief = judge.brief_human * (self.words[author] < 90) * (name == "human")
        good = good + self.opinions[author]
        return judge.quality * good + judge.length * np.log(self.words[author]) + liked + brief

    def _pairs(self, columns, base, judge, bias, mine, one, other, protocol) -> None:
        number = self.corpus.articles
        for markers in MARKERS if base["variant"] == "corrected" else MARKERS[:1]:
            moved = (
                self._value(judge, bias, mine, one)
                - self._value(judge, bias, mine, other)
                + judge.place
                + judge.noise * self.rng.normal(size=number)
            )
            paper = base["variant"] == "paper"
            rows = base | {
                "protocol": protocol, "first": one, "second": other, "markers": markers,
                "status": "read", "z_first": moved / 2 - 1, "z_second": -moved / 2 - 1,
                "mass": judge.mass, "words_first": self.words[one.removesuffix("~shuffled")],
                "words_second": self.words[other.removesuffix("~shuffled")],
                "pi_first": 1 / (1 + np.exp(-moved / 0.7)) if paper else None,
            }  # fmt: skip
            self._add(columns, rows)

    def _scores(self, columns, base, judge, bias, mine, name) -> None:
        value = self._value(judge, bias, mine, name) - judge.length * np.log(100.0)
        noise = judge.noise * self.rng.normal(size=self.corpus.articles)
        rows = base | {
            "protocol": "absolute", "first": name, "second": None, "markers": "1..5",
            "status": "read", "expected": 3 + 1.9 * np.tanh((value + noise) / 3),
            "mass": judge.mass, "words_first": self.words[name],
        }  # fmt: skip
        self._add(columns, rows)

    def _add(self, columns, rows) -> None:
        number = self.corpus.articles
        rows = rows | {"article_id": [f"a{place:05}-0" for place in range(number)]}
        for name in READINGS:
            given = rows.get(name)
            if isinstance(given, np.ndarray | list):
                columns[name] += list(given)
            else:
                columns[name] += [given] * number
