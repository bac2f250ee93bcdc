"""Published self-BLEU-3 of sentences: within single answers, and of a pool of sampled answers."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from manybaskets.measures.lexical import SelfBleu
from manybaskets.published.splitting import Splitter

_MARKS = str.maketrans("", "", "#*")
_NUMBER = re.compile(r"[\d.\s]*")
_SHORTEST = 3  # characters
_WORDS = 4

Sentences = list[str]


def eligible_sentences(text: str, splitter: Splitter) -> Sentences:
    """The scored sentences of an answer.

    After removing `#` and `*`, sentences with fewer than three characters or only digits and dots
    are left out, as are sentences with fewer than four words. Ignoring whitespace between digits is
    not published.
    """
    found = []
    for sentence in splitter.sentences(text):
        bare = sentence.translate(_MARKS).strip()
        if len(sentence.strip()) < _SHORTEST or _NUMBER.fullmatch(bare):
            continue
        if len(bare.split()) >= _WORDS:
            found.append(bare)
    return found


def published_self_bleu(sentences: Sequence[str]) -> float:
    """Mean BLEU-3 of each sentence against all others of the list; 100 for fewer than two.

    sacrebleu's BLEU of order 3: 13a tokeniser, case-sensitive, exponential smoothing, effective
    order, closest reference length (ties: the shorter).
    """
    if len(sentences) < 2:
        return 100.0
    return SelfBleu(sentences).mean(np.arange(len(sentences)))


@dataclass(frozen=True)
class Individual:
    """Lexical diversity (100 − self-BLEU) of single answers."""

    scores: np.ndarray
    eligible: int
    sampled: int


def individual(answers: Sequence[Sentences], count: int, seed: int) -> Individual:
    """Diversity within each of `count` sampled answers that have two sentences or more.

    The sample is drawn from the answers with at least one sentence (all of them if there are
    fewer); answers with one sentence are then skipped. The study's random generator is not
    published; Python's is used here.

    Args:
        answers: eligible sentences of every answer.
    """
    eligible = [each for each in answers if each]
    drawn = _sample(eligible, count, seed)
    scores = np.array([100.0 - published_self_bleu(each) for each in drawn if len(each) >= 2])
    return Individual(scores, len(eligible), len(drawn))


@dataclass(frozen=True)
class Aggregated:
    """Lexical diversity (100 − self-BLEU) of pooled sentences."""

    score: float
    answers: int
    sentences: int


def aggregated(answers: Sequence[Sentences], count: int, seed: int) -> Aggregated:
    """Diversity of the pooled sentences of `count` sampled answers with two sentences or more.

    Fewer than two sentences in total give a self-BLEU of 100, i.e. no diversity, as published.
    """
    drawn = _sample([each for each in answers if len(each) >= 2], count, seed)
    pool = [sentence for each in drawn for sentence in each]
    return Aggregated(100.0 - published_self_bleu(pool), len(drawn), len(pool))


def _sample(answers: list[Sentences], count: int, seed: int) -> list[Sentences]:
    if len(answers) <= count:
        return answers
    return random.Random(seed).sample(answers, count)
