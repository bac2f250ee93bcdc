"""Richness of the vocabulary: entropy, rarefaction, HD-D."""

from __future__ import annotations

import numpy as np

from manybaskets.measures.inputs import Inputs
from manybaskets.measures.registry import measure
from manybaskets.measures.subsets import Evaluation, Subsets
from manybaskets.measures.tokens import corpus_of

_DRAWN = 42  # words drawn for HD-D


def word_counts(inputs: Inputs, subsets: Subsets) -> np.ndarray:
    """Counts of each word in each set: `[word, set]`."""
    corpus = corpus_of(inputs)
    return inputs.shared(("word_counts", subsets), lambda: corpus.counts() @ subsets.members)


def _spectra(inputs: Inputs, subsets: Subsets) -> list[tuple[np.ndarray, np.ndarray]]:
    """Distinct word counts of each set, and the number of words with each count."""

    def spectra() -> list[tuple[np.ndarray, np.ndarray]]:
        counts = word_counts(inputs, subsets)
        return [count_spectrum(counts[:, column]) for column in range(len(subsets))]

    return inputs.shared(("spectra", subsets), spectra)


def count_spectrum(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct counts of words, and the number of words with each."""
    number = np.bincount(counts.astype(np.int64))
    number[:1] = 0
    present = np.flatnonzero(number)
    return present, number[present]


def has_words(inputs: Inputs) -> np.ndarray:
    """Which answers have a word."""
    return corpus_of(inputs).lengths > 0


@measure(
    label="Word entropy",
    unit="bits",
    direction="higher",
    level="set",
    lexical=True,
    resampling="groups",
)
def token_entropy(inputs: Inputs) -> Evaluation:
    """Shannon entropy −Σ_w p_w log₂ p_w of the words of the set; higher is more varied.

    p_w is the word's share of all words. It rises with the number of words: the variant at equal
    words is the one to compare. Answers without a word are left out; null where there is none.
    Source: Shannon 1948.
    """

    def bits(subsets: Subsets) -> np.ndarray:
        entropies = np.full(len(subsets), np.nan)
        for index, (count, number) in enumerate(_spectra(inputs, subsets)):
            total = float(number @ count)
            if total:
                # The largest of 0 and −0, where there is one word only.
                entropies[index] = max(
                    0.0, np.log2(total) - number @ (count * np.log2(count)) / total
                )
        return entropies

    return Evaluation(bits, has_words(inputs))


def log_missing(
    frequency: np.ndarray, total: float | np.ndarray, size: float | np.ndarray
) -> np.ndarray:
    """log of C(T − f, N) / C(T, N): the chance that a draw of N of T holds none of f; −inf for 0.

    N may lie between whole numbers, where the Gamma function stands for the factorials.
    """
    from scipy.special import gammaln

    given = (np.asarray(each, dtype=np.float64) for each in (frequency, total, size))
    frequency, total, size = np.broadcast_arrays(*given)
    logarithms = np.full(frequency.shape, -np.inf)
    possible = total - frequency - size > -1
    f, t, n = frequency[possible], total[possible], size[possible]
    logarithms[possible] = (
        gammaln(t - f + 1) - gammaln(t - f - n + 1) - gammaln(t + 1) + gammaln(t - n + 1)
    )
    return np.minimum(logarithms, 0.0)


def expected_types(frequencies: np.ndarray, total: int, size: int) -> float:
    """Expected number of these words among N words drawn without replacement from all T.

    Σ_w [1 − C(T − f_w, N) / C(T, N)], with f_w the count of word w. Source: Hurlbert 1971,
    Ecology 52(4).
    """
    count, number = count_spectrum(frequencies)
    return _expected(count, number, total, size)


def _expected(count: np.ndarray, number: np.ndarray, total: float, size: float) -> float:
    return float(number @ -np.expm1(log_missing(count, total, size)))


def half_budget(inputs: Inputs, total: int) -> int:
    """Number of words to draw from a set.

    That is half of the budget for every set. The intervals rest on halves of the answers, which
    have half of the words: only at the same number of words do they lie on the scale of the whole.
    At the whole budget for the whole set, the halves' spread was measured to be half of the
    sampling error of the vocabulary (300 Dolly answers: 40 words against 73; so: 40 against 43).
    """
    return min(round(inputs.token_budget / 2), total)


@measure(
    label="Vocabulary at equal length",
    unit="distinct words",
    direction="higher",
    level="set",
    lexical=True,
    resampling="groups",
)
def vocabulary(inputs: Inputs) -> Evaluation:
    """Expected number of distinct words in half as many words as the shortest condition has.

    V(N) = Σ_w [1 − C(T − f_w, N) / C(T, N)] for N words drawn without replacement, so that
    conditions of different length are compared at equal length; half, so that halves of the answers
    reach it too. Higher is richer. This is the headline of vocabulary growth, since it needs no
    model of it. Source: Hurlbert 1971, Ecology 52(4).
    """

    def types(subsets: Subsets) -> np.ndarray:
        counts = np.full(len(subsets), np.nan)
        for index, (count, number) in enumerate(_spectra(inputs, subsets)):
            total = int(number @ count)
            size = half_budget(inputs, total)
            if size:
                counts[index] = _expected(count, number, total, size)
        return counts

    return Evaluation(types, has_words(inputs))


@measure(
    label="HD-D of the running text",
    unit="type-token ratio",
    direction="none",
    level="set",
    lexical=True,
    resampling="groups",
)
def hdd(inputs: Inputs) -> Evaluation:
    """Expected type-token ratio of 42 words drawn without replacement from the words of the set.

    (1/42) Σ_w [1 − C(T − f_w, 42) / C(T, 42)]; a higher value is a richer text. It measures a text
    and not how answers differ, so that no direction is preferred: 42 words of any number of copies
    of one rich answer are as rich as 42 words of the answer. Null below 42 words.
    Source: McCarthy & Jarvis 2007, Language Testing 24(4).
    """

    def ratio(subsets: Subsets) -> np.ndarray:
        ratios = np.full(len(subsets), np.nan)
        for index, (count, number) in enumerate(_spectra(inputs, subsets)):
            total = int(number @ count)
            if total >= _DRAWN:
                ratios[index] = _expected(count, number, total, _DRAWN) / _DRAWN
        return ratios

    return Evaluation(ratio, has_words(inputs))


def or_null(values: np.ndarray, defined: np.ndarray) -> list[float | None]:
    """Values of answers, null where they are not defined."""
    return [
        float(v) if defined_here else None for v, defined_here in zip(values, defined, strict=True)
    ]


@measure(
    label="HD-D of an answer",
    unit="type-token ratio",
    direction="none",
    level="prompt",
    lexical=True,
)
def response_hdd(inputs: Inputs) -> list[float | None]:
    """`hdd` of each answer by itself; null below 42 words, so also read the number left out.

    Source: McCarthy & Jarvis 2007, Language Testing 24(4).
    """
    corpus = corpus_of(inputs)
    counts = corpus.counts().tocoo()
    text, lengths = counts.coords[1], np.maximum(corpus.lengths, _DRAWN)
    missing = np.exp(log_missing(counts.data, lengths[text], float(_DRAWN)))
    types = np.bincount(text, weights=1.0 - missing, minlength=len(lengths))
    return or_null(types / _DRAWN, corpus.lengths >= _DRAWN)
