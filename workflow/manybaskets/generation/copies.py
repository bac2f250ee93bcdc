"""Find answers that are given to many prompts, exactly or nearly."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import polars as pl

from manybaskets.measures.tokens import spaced, words
from manybaskets.records.responses import valid_answers
from manybaskets.statistics.clusters import cluster_of

ALIKE = 0.5  # Jaccard similarity of two texts' sets of three-word sequences: near-copies
# Of twelve real sources the largest share of copies was 0.02 (`pytest -k real tests/unit/generation`).
MAX_COPIED = 0.2
MAX_SAME = 0.1
_FEWEST = 10  # prompts; of fewer, shares say little
_MOST = 5000  # answers that are searched for near-copies; exact copies are counted in all
_ORDER = 3
_READ = 400  # first words of an answer that are compared
_BANDS, _ROWS = 14, 2  # finds 98 of 100 pairs at the limit
_COMPARED = 8  # texts of one signature
_PRIME = (1 << 31) - 1
_NAME, _NUMBER = "N", "0"  # words are in small letters, so that no word is one of these
_ORDINARY = 5  # words beside names and numbers, for these to be taken as exchanged
_PIECES = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*|[.!?:;\n]")


@dataclass(frozen=True)
class Copies:
    """How many answers are copies of the answer to another prompt.

    Attributes:
        prompts: number of different prompts.
        distinct: number of different answers to them.
        most: prompts that share the commonest answer.
        text: an answer of the commonest; empty without copies.
        near: whether prompts, and answers, that differ in a few words, names or numbers only count
            as one; otherwise all texts that differ at all are different.
    """

    prompts: int
    distinct: int
    most: int
    text: str
    near: bool = False

    @property
    def noticed(self) -> bool:
        """Whether a report must name them: one text to many prompts, or few distinct answers.

        Chains of near-copies may join many answers that are, together, as different as their
        prompts: the commonest of these counts where enough others are missing.
        """
        if self.prompts < _FEWEST:
            return False
        common = self.most > max(MAX_SAME * self.prompts, 2)
        return self.share > MAX_COPIED or (common and self.share > MAX_SAME * self.near)

    @property
    def share(self) -> float:
        """Share of the answers that copy the answer to another prompt."""
        return max(1.0 - self.distinct / self.prompts, 0.0) if self.prompts else 0.0


def copies_of(texts: Sequence[str], prompts: Sequence[str] | None = None) -> Copies:
    """Count the copies among answers, exactly or nearly, whichever way finds the larger share.

    Prompts that differ in a name have answers that differ in a name: near-copies are set against
    the prompts that are no near-copies of each other.

    Args:
        texts: answers to different prompts.
        prompts: these prompts; null if they are not known, and taken to be unlike each other.
    """
    exact = _counted(answer_groups(texts, near=False), np.arange(len(texts)), texts, near=False)
    chosen = _evenly(len(texts))
    texts = [texts[place] for place in chosen]
    kinds = np.arange(len(texts))
    if prompts is not None:
        kinds = _kinds(tuple(prompts[place] for place in chosen))
    near = _counted(answer_groups(texts, near=True), kinds, texts, near=True)
    return max(exact, near, key=lambda copies: (copies.noticed, copies.share, not copies.near))


@lru_cache(maxsize=8)
def _kinds(prompts: tuple[str, ...]) -> np.ndarray:
    return copy_groups(prompts)  # the same prompts for every run


def answer_groups(texts: Sequence[str], near: bool) -> np.ndarray:
    """Group number of each answer: copies share one, and near-copies (`copy_groups`) if they count."""
    return copy_groups(texts) if near else _numbered(map(_key, texts))


def _counted(groups: np.ndarray, kinds: np.ndarray, texts: Sequence[str], near: bool) -> Copies:
    """Copies from the number of each answer and that of its prompt."""
    if not len(groups):
        return Copies(0, 0, 0, "", near)
    sizes = np.bincount(np.unique(np.stack([groups, kinds]), axis=1)[0])
    largest = int(sizes.argmax())
    most = int(sizes[largest])
    text = texts[int(np.flatnonzero(groups == largest)[0])] if most > 1 else ""
    return Copies(len(np.unique(kinds)), len(sizes), most, text, near)


def _evenly(count: int) -> np.ndarray:
    """Places of at most `_MOST` of a number of answers, evenly spaced."""
    return np.unique(np.linspace(0, count - 1, min(count, _MOST)).astype(np.int64))


def copies_in(path: Path, prompts: Mapping[str, str]) -> Copies:
    """Count the copies in a responses file: first answers, one to each prompt text.

    Args:
        prompts: texts of prompts by id; those that it lacks are taken to be unlike each other.
    """
    text = cluster_of(pl.col("prompt_id")).alias("cluster")
    first = valid_answers(path).unique(text, keep="first", maintain_order=True)
    asked = [prompts.get(each) for each in first["prompt_id"]]
    known = None if None in asked else [each or "" for each in asked]
    return copies_of(first["text"].to_list(), known)


def copy_groups(texts: Sequence[str]) -> np.ndarray:
    """Group number of each text, 0, 1, … by first occurrence; copies and near-copies share one.

    Copies have the same words, or the same text if they have none. Near-copies have at least half of
    all their three-word sequences in common, where names (capitals within a sentence) and numbers
    count as the same word in texts that have enough others: one text with other names or numbers is
    one, and so is a text of 40 words and the same with four of them exchanged. Candidates come from MinHash
    signatures in bands (Broder 1997; Leskovec et al. 2020, chapter 3), and each is compared exactly
    with the first texts of the same signature.
    """
    listed = [pattern(text)[:_READ] for text in texts]
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
    return _numbered([root(first) for first in firsts])


def pattern(text: str) -> list[str]:
    """Words of a text, with one mark for every name and one for every number.

    A name is one or more words with a capital that do not begin a sentence or a line. A text with
    fewer than five other words keeps all of them: it says little else.
    """
    marked, names = [], 0
    for word in _marked(text):
        if word in (_NAME, _NUMBER):
            names += 1
            if marked and marked[-1] == word:
                continue
        marked.append(word)
    return marked if len(marked) - names >= _ORDINARY else words(text)


def _marked(text: str) -> Iterator[str]:
    begins = True
    for piece in _PIECES.findall(spaced(text)):
        if not piece[0].isalnum():
            begins = True
            continue
        if any(map(str.isdigit, piece)):
            yield _NUMBER
        elif piece[0].isupper() and not begins:
            yield _NAME
        else:
            yield piece.lower()
        begins = False


def _key(text: str) -> str:
    return " ".join(words(text)) or text.strip()


def _numbered(keys: Iterable[object]) -> np.ndarray:
    """Number of each key, 0, 1, … by first occurrence."""
    numbers: dict[object, int] = {}
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)


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
