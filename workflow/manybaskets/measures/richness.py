"""Richness of the vocabulary: entropy, rarefaction, Heaps' law, MTLD, HD-D, MATTR."""

from __future__ import annotations

import numpy as np

from manybaskets.measures.inputs import Inputs
from manybaskets.measures.registry import measure
from manybaskets.measures.subsets import Evaluation, Subsets
from manybaskets.measures.tokens import Corpus, corpus_of

_GRID_POINTS = 20
_GRID_START = 1000  # words
_FEWEST_WORDS = 20  # of a growth curve
_GOOD_FIT = 0.99  # R² below which Heaps' law is said not to hold

_THRESHOLD = 0.72  # type-token ratio at which a factor of MTLD ends
_MTLD_WORDS = 50  # below these, MTLD is hardly more than a partial factor
_DRAWN = 42  # words drawn for HD-D
_WINDOW = 100  # words of a window of MATTR
_LOOKAHEAD = 96  # words that the search for the end of a factor reads at once
_WORDS_AT_ONCE = 16_000_000


def word_counts(inputs: Inputs, subsets: Subsets) -> np.ndarray:
    """Counts of each word in each set: `[word, set]`."""
    corpus = corpus_of(inputs)
    return inputs.shared(("word_counts", subsets), lambda: corpus.counts() @ subsets.members)


def _spectra(inputs: Inputs, subsets: Subsets) -> list[tuple[np.ndarray, np.ndarray]]:
    """Distinct word counts of each set, and the number of words with each count."""

    def spectra() -> list[tuple[np.ndarray, np.ndarray]]:
        counts = word_counts(inputs, subsets)
        return [_spectrum(counts[:, column]) for column in range(len(subsets))]

    return inputs.shared(("spectra", subsets), spectra)


def _spectrum(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    number = np.bincount(counts.astype(np.int64))
    number[:1] = 0
    present = np.flatnonzero(number)
    return present, number[present]


def _has_words(inputs: Inputs) -> np.ndarray:
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

    return Evaluation(bits, _has_words(inputs))


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
    count, number = _spectrum(frequencies)
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

    return Evaluation(types, _has_words(inputs))


def _heaps(inputs: Inputs, subsets: Subsets) -> np.ndarray:
    """K, β and R² of every set: `[set, 3]`; NaN where it has too few words for a curve."""

    def fit() -> np.ndarray:
        corpus, lengths = corpus_of(inputs), corpus_of(inputs).lengths
        held = corpus.counts()
        held.data = np.ones_like(held.data)
        answers = (lengths > 0).astype(np.float64) @ subsets.members
        totals = lengths.astype(np.float64) @ subsets.members
        holders = held @ subsets.members
        return np.array(
            [
                _growth_fit(*_spectrum(holders[:, index]), answers[index], totals[index], inputs)
                for index in range(len(subsets))
            ]
        ).reshape(-1, 3)

    return inputs.shared(("heaps", subsets), fit)


def expected_growth(
    holders: np.ndarray, number: np.ndarray, answers: float, sizes: np.ndarray
) -> np.ndarray:
    """Mean number of distinct words in the first m of D answers, over all orders of the answers.

    Σ_w [1 − C(D − d_w, m) / C(D, m)], with d_w the answers that hold word w.
    Source: Ugland et al. 2003, Journal of Animal Ecology 72(5), who count species over plots.

    Args:
        holders, number: so many words are held by so many answers.
        answers: D.
        sizes: values of m, also between whole numbers, none above D.
    """
    return number @ -np.expm1(log_missing(holders[:, None], answers, sizes))


def _growth_fit(
    holders: np.ndarray, number: np.ndarray, answers: float, total: float, inputs: Inputs
) -> tuple[float, float, float]:
    """Fit log V = log K + β log N to the growth over answers; m of them have m mean lengths."""
    size = half_budget(inputs, int(total))
    mean_length = total / answers if answers else 0.0
    start = max(min(_GRID_START, size / 10), mean_length)
    if size < _FEWEST_WORDS or 2 * start > size:
        return (np.nan,) * 3
    grid = np.geomspace(start, size, _GRID_POINTS)
    log_n, log_v = (
        np.log(grid),
        np.log(expected_growth(holders, number, answers, grid / mean_length)),
    )
    centred = log_n - log_n.mean()
    beta = float(centred @ log_v / (centred @ centred))
    spread = float(((log_v - log_v.mean()) ** 2).sum())
    left = float(((log_v - log_v.mean() - beta * centred) ** 2).sum())
    r2 = 1.0 - left / spread if spread > 1e-20 else np.nan
    return float(np.exp(log_v.mean() - beta * log_n.mean())), beta, r2


@measure(
    label="Heaps' β",
    unit="exponent",
    direction="higher",
    level="set",
    lexical=True,
    resampling="groups",
)
def heaps_beta(inputs: Inputs) -> Evaluation:
    """Exponent β of Heaps' law V(N) = K·N^β; higher: new words keep coming. Read it with `heaps_k`.

    V(N) is the mean number of distinct words in the first N words over all orders of the answers,
    in closed form, at 20 log-spaced N from 1000 words (a tenth of the end, if that is less, and one
    mean answer at least) to half of what the shortest condition has, so that halves of the answers
    reach the end too; log–log least squares. Null where that is no curve. Trust it where
    `heaps_fit_ok` is 1. Source: Heaps 1978; the mean over orders after Ugland et al. 2003.
    """
    return Evaluation(lambda subsets: _heaps(inputs, subsets)[:, 1], _has_words(inputs))


@measure(
    label="Heaps' K", unit="words", direction="none", level="set", lexical=True, resampling="groups"
)
def heaps_k(inputs: Inputs) -> Evaluation:
    """Factor K of Heaps' law, fitted together with `heaps_beta`, to which it is negatively tied."""
    return Evaluation(lambda subsets: _heaps(inputs, subsets)[:, 0], _has_words(inputs))


@measure(
    label="R² of Heaps' law",
    unit="share",
    direction="none",
    level="set",
    lexical=True,
    resampling="groups",
)
def heaps_r2(inputs: Inputs) -> Evaluation:
    """Share of the variance of log V that the fit of `heaps_k` and `heaps_beta` explains."""
    return Evaluation(lambda subsets: _heaps(inputs, subsets)[:, 2], _has_words(inputs))


@measure(
    label="Heaps' law holds",
    unit="1 or 0",
    direction="none",
    level="set",
    lexical=True,
    resampling="groups",
)
def heaps_fit_ok(inputs: Inputs) -> Evaluation:
    """1 where R² of Heaps' law is at least 0.99, else 0: then do not read `heaps_k`, `heaps_beta`."""

    def holds(subsets: Subsets) -> np.ndarray:
        r2 = _heaps(inputs, subsets)[:, 2]
        return np.where(np.isnan(r2), np.nan, r2 >= _GOOD_FIT)

    return Evaluation(holds, _has_words(inputs))


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

    return Evaluation(ratio, _has_words(inputs))


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
    return Evaluation(lambda subsets: _running(inputs, subsets)[:, 0], _has_words(inputs))


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
    return Evaluation(lambda subsets: _running(inputs, subsets)[:, 1], _has_words(inputs))


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


def _or_null(values: np.ndarray, defined: np.ndarray) -> list[float | None]:
    return [
        float(v) if defined_here else None for v, defined_here in zip(values, defined, strict=True)
    ]


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
    return _or_null(_mtld(lanes), within.lengths >= _MTLD_WORDS) if lanes else []


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
    return _or_null(types / _DRAWN, corpus.lengths >= _DRAWN)


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
    return _or_null(total / (_WINDOW * windows), lengths >= _WINDOW)
