"""Texts of several sources as numbers, equal if texts of a prompt share a word."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import pairwise

import numpy as np


class NumberedText:
    """One source's texts, text i being an answer to prompt i.

    Attributes:
        word: number of every token, text after text. Two tokens have the same number if they are
            the same word in texts for the same prompt; the numbers of a prompt are consecutive.
        stem: the same for their stems.
        prompt: prompt of every token.
        lengths: tokens of each text, by prompt.
        numbers: upper bound of the numbers in all sources numbered together.
        first_stem: smallest stem number of each prompt.
    """

    def __init__(
        self,
        word: np.ndarray,
        stem: np.ndarray,
        prompt: np.ndarray,
        prompts: int,
        numbers: int,
        first_stem: np.ndarray,
    ) -> None:
        self.word, self.stem, self.prompt = word, stem, prompt
        self.numbers, self.first_stem = numbers, first_stem
        self.lengths = np.bincount(prompt, minlength=prompts)

    @cached_property
    def by_word(self) -> np.ndarray:
        """Tokens in the order of their word, the last of a text first."""
        return _last_first(self.word)

    @cached_property
    def by_stem(self) -> np.ndarray:
        """Tokens in the order of their stem, the last of a text first."""
        return _last_first(self.stem)

    @cached_property
    def stem_counts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Distinct stem numbers, how often each occurs, and their prompts."""
        found, first, counts = np.unique(self.stem, return_index=True, return_counts=True)
        return found, counts, self.prompt[first]

    @cached_property
    def strings(self) -> list[str]:
        """Each text as a string with one character per token, equal for equal stems."""
        places = (self.stem - self.first_stem[self.prompt]).tolist()
        order = np.argsort(self.prompt, kind="stable")
        if not np.array_equal(order, np.arange(len(order))):
            places = [places[place] for place in order]
        bounds = [0, *np.cumsum(self.lengths).tolist()]
        return ["".join(map(chr, places[start:end])) for start, end in pairwise(bounds)]


def _last_first(numbers: np.ndarray) -> np.ndarray:
    backwards = np.arange(len(numbers) - 1, -1, -1)
    return backwards[np.argsort(numbers[::-1], kind="stable")]


def number_texts(
    listed: Sequence[Sequence[Sequence[str]]],
    stem: Callable[[str], str],
    shuffled: np.ndarray | None = None,
) -> tuple[list[NumberedText], list[NumberedText]]:
    """Number the tokens of several sources' texts, stemming each distinct word once.

    Args:
        listed: tokens by source and prompt; every source has a text for each prompt.
        stem: stem of a word.
        shuffled: `shuffled[i]` is the prompt whose answer is compared with answers to prompt i.

    Returns:
        The sources' texts, and the same with their answers moved to other prompts (none without
        `shuffled`).
    """
    vocabulary: dict[str, int] = {}
    flat, prompts, count = [], [], len(listed[0]) if listed else 0
    for texts in listed:
        lengths = np.array([len(text) for text in texts], dtype=np.int64)
        words = [vocabulary.setdefault(word, len(vocabulary)) for text in texts for word in text]
        flat.append(np.array(words, dtype=np.int64))
        prompts.append(np.repeat(np.arange(len(texts)), lengths))
    stems: dict[str, int] = {}
    stem_of = [stems.setdefault(stem(word), len(stems)) for word in vocabulary]
    stem_of = np.array(stem_of, dtype=np.int64)
    moved = []
    if shuffled is not None:
        place = np.empty(count, dtype=np.int64)
        place[shuffled] = np.arange(count)
        moved = [place[prompt] for prompt in prompts]
    where = [*prompts, *moved]
    texts = [*flat, *flat] if moved else flat
    words, word_first = _dense(texts, where, len(vocabulary), count)
    stemmed, stem_first = _dense([stem_of[each] for each in texts], where, len(stems), count)
    numbers = 1 + max((int(each.max()) for each in words if len(each)), default=-1)
    made = [
        NumberedText(word, root, prompt, count, numbers, stem_first)
        for word, root, prompt in zip(words, stemmed, where, strict=True)
    ]
    return made[: len(listed)], made[len(listed) :]


def _dense(
    words: list[np.ndarray], prompts: list[np.ndarray], size: int, count: int
) -> tuple[list[np.ndarray], np.ndarray]:
    """Consecutive numbers of (prompt, word), and the first number of each prompt."""
    keys = [prompt * max(size, 1) + word for word, prompt in zip(words, prompts, strict=True)]
    joined = np.concatenate(keys) if keys else np.zeros(0, dtype=np.int64)
    found, numbers = np.unique(joined, return_inverse=True)
    ends = np.cumsum([len(key) for key in keys])[:-1]
    first = np.searchsorted(found, np.arange(count) * max(size, 1))
    return np.split(numbers.astype(np.int64), ends), first
