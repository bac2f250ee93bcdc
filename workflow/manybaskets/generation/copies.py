"""Find answers that are given to many prompts, exactly or nearly."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from manybaskets.measures.tokens import words
from manybaskets.records.responses import valid_answers
from manybaskets.statistics.clusters import cluster_of

ALIKE = 0.6  # Jaccard similarity of two answers' sets of three-word sequences: near-copies
# Of thirteen real sources the largest share of copies was 0.005 (Dolly's human answers).
MAX_COPIED = 0.5
MAX_SAME = 0.1
_FEWEST = 10  # answers; of fewer, shares say little
_ORDER = 3
_READ = 400  # first words of an answer that are compared
_BANDS, _ROWS = 10, 2  # finds 99 of 100 pairs at the limit
_COMPARED = 8  # answers of one signature
_PRIME = (1 << 31) - 1


@dataclass(frozen=True)
class Copies:
    """How many answers are copies of the answer to another prompt.

    Attributes:
        answers: number of answers compared, one per prompt text.
        distinct: number of answers left when copies count once.
        most: answers in the largest group of copies.
        text: the answer that begins this group; empty without copies.
    """

    answers: int
    distinct: int
    most: int
    text: str

    @property
    def noticed(self) -> bool:
        """Whether a report must name them: one text to many prompts, or few distinct answers."""
        if self.answers < _FEWEST:
            return False
        return self.share > MAX_COPIED or self.most > max(MAX_SAME * self.answers, 2)

    @property
    def share(self) -> float:
        """Share of the answers that copy the answer to another prompt."""
        return 1.0 - self.distinct / self.answers if self.answers else 0.0


def copies_of(texts: Sequence[str]) -> Copies:
    """Count the copies among answers to different prompts."""
    groups = copy_groups(texts)
    if not len(groups):
        return Copies(0, 0, 0, "")
    sizes = np.bincount(groups)
    largest = int(sizes.argmax())
    most = int(sizes[largest])
    first = texts[int(np.flatnonzero(groups == largest)[0])]
    return Copies(len(texts), len(sizes), most, first if most > 1 else "")


def copies_in(path: Path) -> Copies:
    """Count the copies in a responses file: first answers, one to each prompt text."""
    text = cluster_of(pl.col("prompt_id")).alias("cluster")
    first = valid_answers(path).unique(text, keep="first", maintain_order=True)
    return copies_of(first["text"].to_list())


def copy_groups(texts: Sequence[str]) -> np.ndarray:
    """Group number of each answer, 0, 1, … by first occurrence; copies and near-copies share one.

    Copies have the same words, or the same text if they have none. Near-copies have at least three
    fifths of all their three-word sequences in common (two of 40 words may differ): candidates come from MinHash signatures in
    bands (Broder 1997; Leskovec et al. 2020, chapter 3), and each is compared exactly with the first
    answers of the same signature.
    """
    listed = [words(text)[:_READ] for text in texts]
    keys = [" ".join(each) or text.strip() for each, text in zip(listed, texts, strict=True)]
    first_of_key: dict[str, int] = {}
    firsts = [first_of_key.setdefault(key, place) for place, key in enumerate(keys)]
    parent = np.arange(len(texts))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = int(parent[place])
        return place

    sets = {place: _shingles(listed[place]) for place in first_of_key.values()}
    buckets: dict[tuple[int, bytes], list[int]] = {}
    for place, shingles in sets.items():
        for band, signature in enumerate(_signature(shingles)):
            others = buckets.setdefault((band, signature), [])
            for other in others:
                if root(other) != root(place) and _similarity(shingles, sets[other]) >= ALIKE:
                    low, high = sorted((root(other), root(place)))
                    parent[high] = low
            if len(others) < _COMPARED:
                others.append(place)
    roots = [root(first) for first in firsts]
    number = {each: place for place, each in enumerate(dict.fromkeys(roots))}
    return np.array([number[each] for each in roots], dtype=np.int64)


def _shingles(listed: Sequence[str]) -> np.ndarray:
    """Distinct three-word sequences as numbers below 2³¹; none for a shorter text."""
    if len(listed) < _ORDER:
        return np.zeros(0, dtype=np.int64)
    codes = np.array([zlib.crc32(word.encode()) for word in listed], dtype=np.uint64)
    mixed = np.zeros(len(codes) - _ORDER + 1, dtype=np.uint64)
    for place in range(_ORDER):
        mixed = mixed * np.uint64(1_000_003) + codes[place : place + len(mixed)]
    return np.unique(mixed % np.uint64(_PRIME)).astype(np.int64)


def _hashes() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    size = (_BANDS * _ROWS, 1)
    return rng.integers(1, _PRIME, size=size), rng.integers(0, _PRIME, size=size)


_FACTORS, _OFFSETS = _hashes()


def _signature(shingles: np.ndarray) -> list[bytes]:
    """Smallest hashes of the sequences, band by band; none for a text without a sequence."""
    if not len(shingles):
        return []
    smallest = ((_FACTORS * shingles + _OFFSETS) % _PRIME).min(axis=1)
    return [band.tobytes() for band in smallest.reshape(_BANDS, _ROWS)]


def _similarity(first: np.ndarray, second: np.ndarray) -> float:
    """Jaccard similarity of two sets."""
    shared = len(np.intersect1d(first, second, assume_unique=True))
    return shared / (len(first) + len(second) - shared)
