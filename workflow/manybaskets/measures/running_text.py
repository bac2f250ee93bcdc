"""MTLD and MATTR: the richness of words in a row, of all answers and of each."""

from __future__ import annotations

import numpy as np

from manybaskets.measures.inputs import Inputs
from manybaskets.measures.registry import measure
from manybaskets.measures.richness import has_words, or_null
from manybaskets.measures.subsets import Evaluation, Subsets
from manybaskets.measures.tokens import Corpus, corpus_of

_THRESHOLD = 0.72  # type-token ratio at which a factor of MTLD ends
_MTLD_WORDS = 50  # below these, MTLD is hardly more than a partial factor
_WINDOW = 100  # words of a window of MATTR
_LOOKAHEAD = 96  # words that the search for the end of a factor reads at once
_WORDS_AT_ONCE = 16_000_000


@measure(
    label="MTLD of the running text", unit="words", direction="none", level="set", lexical=True
)
def mtld(inputs: Inputs) -> Evaluation:
    """Mean number of words in a row that keep the type-token ratio above 0.72.

    Words / factors, mean of both directions: a factor ends where the ratio falls to 0.72, and the
    rest counts (1 − ratio) / (1 − 0.72) of one. Over all answers, one after the other in a random
    order that all conditions share. An answer that repeats one word without end is hundreds of
    factors: where a few such answers rule this value, read `response_mtld`. A higher value is a
    richer text. It measures a text and not how answers differ, so that no direction is preferred:
    copies of one rich answer are as rich as the answer. Null below 50 words.
    Source: McCarthy & Jarvis 2010, Behavior Research Methods 42(2).
    """
    return Evaluation(lambda subsets: _running(inputs, subsets)[:, 0], has_words(inputs))


@measure(
    label="MATTR of the running text",
    unit="type-token ratio",
    direction="none",
    level="set",
    lexical=True,
)
def mattr(inputs: Inputs) -> Evaluation:
    """Mean type-token ratio of all windows of 100 words in a row.

    Over all answers, one after the other in a random order that all conditions share. A higher
    value is a richer text. It measures a text and not how answers differ, so that no direction is
    preferred: copies of one answer of 100 words or more are as rich as the answer. Null below 100 words. Source: Covington & McFall 2010, Journal of Quantitative Linguistics 17(2).
    """
    return Evaluation(lambda subsets: _running(inputs, subsets)[:, 1], has_words(inputs))


class _Running:
    """The words of all answers in the order in which they are read, and where each was last."""

    def __init__(self, inputs: Inputs) -> None:
        corpus, self.place = corpus_of(inputs), inputs.orders(1)[0]
        read = np.argsort(self.place[corpus.text_of], kind="stable")
        self.text_of, self.ids = corpus.text_of[read], corpus.ids[read].astype(np.int32)
        self.sorted = np.argsort(self.ids, kind="stable")

    def last(self, index: np.ndarray, rows: int) -> tuple[np.ndarray, np.ndarray]:
        """Of every word of some answers the place of the same word before it, and after it.

        −1 where there is none before, and the number of words where there is none after.
        """
        member = np.zeros(rows, dtype=bool)
        member[index] = True
        kept = member[self.text_of]
        position = np.cumsum(kept, dtype=np.int32) - 1
        chosen = self.sorted[kept[self.sorted]]
        ids, position = self.ids[chosen], position[chosen]
        same = ids[1:] == ids[:-1]
        before = np.full(len(chosen), -1, dtype=np.int32)
        after = np.full(len(chosen), len(chosen), dtype=np.int32)
        before[position[1:][same]] = position[:-1][same]
        after[position[:-1][same]] = position[1:][same]
        return before, after


def _running(inputs: Inputs, subsets: Subsets) -> np.ndarray:
    """MTLD and MATTR of the answers of every set, read in a row: `[set, 2]`."""

    def compute() -> np.ndarray:
        running = inputs.shared("running", lambda: _Running(inputs))
        fits = np.full((len(subsets), 2), np.nan)
        width = max(1, _WORDS_AT_ONCE // max(2 * len(running.ids), 1))
        for start in range(0, len(subsets), width):
            lanes = []
            for index in range(start, min(start + width, len(subsets))):
                before, after = running.last(subsets.indices[index], subsets.rows)
                lanes += [before, len(after) - 1 - after[::-1]]
                words = len(before)
                if words >= _WINDOW:
                    types = _window_types(before, np.arange(words), words)
                    fits[index, 1] = types.sum() / (_WINDOW * (words - _WINDOW + 1))
            fits[start : start + width, 0] = _mtld(lanes)
        return fits

    return inputs.shared(("running", subsets), compute)


def _window_types(before: np.ndarray, position: np.ndarray, words: int | np.ndarray) -> np.ndarray:
    """In how many windows of its text each word is the first of its kind.

    Args:
        before: place in its text where the same word was last; −1 for nowhere.
        position: its own place.
        words: number of words of its text.
    """
    earliest = np.maximum(np.maximum(before + 1, position - _WINDOW + 1), 0)
    latest = np.minimum(position, words - _WINDOW)
    return np.maximum(latest - earliest + 1, 0)


def _mtld(lanes: list[np.ndarray]) -> np.ndarray:
    """MTLD of texts that are given by the place where each word was last, both ways each."""
    lengths = np.array([len(lane) for lane in lanes])
    factors = _factors(np.concatenate(lanes), lengths)
    enough = lengths >= _MTLD_WORDS
    values = np.where(enough, lengths / np.where(enough, factors, 1.0), np.nan)
    return (values[::2] + values[1::2]) / 2


def _factors(before: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Factors of MTLD of many texts at a time, each read to its end; 1 where no word recurs.

    A word is new to its factor where it was last before the factor's start.
    """
    offset = np.cumsum(lengths) - lengths
    factors = np.zeros(len(lengths))
    lane = np.flatnonzero(lengths)
    start, here, types = (np.zeros(len(lane), dtype=np.int64) for _ in range(3))
    steps = np.arange(_LOOKAHEAD)
    while len(lane):
        ahead = here[:, None] + steps
        inside = ahead < lengths[lane][:, None]
        at = np.minimum(ahead, lengths[lane][:, None] - 1) + offset[lane][:, None]
        new = (before[at] < start[:, None]) & inside
        seen = types[:, None] + np.cumsum(new, axis=1)
        ended = (seen / (ahead - start[:, None] + 1) <= _THRESHOLD) & inside
        first = ended.argmax(axis=1)
        complete = ended[np.arange(len(lane)), first]
        factors[lane[complete]] += 1
        here = np.where(complete, here + first + 1, np.minimum(here + _LOOKAHEAD, lengths[lane]))
        start = np.where(complete, here, start)
        types = np.where(complete, 0, seen[:, -1])
        over = here >= lengths[lane]
        rest = over & (start < here)
        ratio = types[rest] / (here - start)[rest]
        factors[lane[rest]] += (1 - ratio) / (1 - _THRESHOLD)
        lane, start, here, types = lane[~over], start[~over], here[~over], types[~over]
    return np.where(factors > 0, factors, 1.0)


class _Within:
    """The words of every answer by themselves: where each was last, and where it comes next."""

    def __init__(self, corpus: Corpus) -> None:
        self.lengths, text_of = corpus.lengths, corpus.text_of
        self.start = np.cumsum(corpus.lengths) - corpus.lengths
        self.place = np.arange(len(corpus.ids)) - self.start[text_of]
        key = text_of * max(len(corpus.vocabulary), 1) + corpus.ids
        chosen = np.argsort(key, kind="stable")
        same = key[chosen][1:] == key[chosen][:-1]
        self.before = np.full(len(key), -1, dtype=np.int64)
        self.after = corpus.lengths[text_of]
        self.before[chosen[1:][same]] = self.place[chosen[:-1][same]]
        self.after[chosen[:-1][same]] = self.place[chosen[1:][same]]


def _within(inputs: Inputs) -> _Within:
    return inputs.shared("within", lambda: _Within(corpus_of(inputs)))


@measure(label="MTLD of an answer", unit="words", direction="none", level="prompt", lexical=True)
def response_mtld(inputs: Inputs) -> list[float | None]:
    """`mtld` of each answer by itself; null below 50 words, so also read the number left out.

    Source: McCarthy & Jarvis 2010, Behavior Research Methods 42(2).
    """
    within = _within(inputs)
    lanes = []
    for start, length in zip(within.start, within.lengths, strict=True):
        window = slice(start, start + length)
        lanes += [within.before[window], length - 1 - within.after[window][::-1]]
    return or_null(_mtld(lanes), within.lengths >= _MTLD_WORDS) if lanes else []


@measure(
    label="MATTR of an answer",
    unit="type-token ratio",
    direction="none",
    level="prompt",
    lexical=True,
)
def response_mattr(inputs: Inputs) -> list[float | None]:
    """`mattr` of each answer by itself; null below 100 words, so also read the number left out.

    Source: Covington & McFall 2010, Journal of Quantitative Linguistics 17(2).
    """
    within, text_of = _within(inputs), corpus_of(inputs).text_of
    lengths = within.lengths
    types = _window_types(within.before, within.place, lengths[text_of])
    windows = np.maximum(lengths - _WINDOW + 1, 1)
    total = np.bincount(text_of, weights=types, minlength=len(lengths))
    return or_null(total / (_WINDOW * windows), lengths >= _WINDOW)
