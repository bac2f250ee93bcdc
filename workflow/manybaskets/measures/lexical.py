"""Lexical measures: length, self-BLEU, vocabulary growth. All but self-BLEU share one tokeniser."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from manybaskets.measures.inputs import Inputs
from manybaskets.measures.registry import measure

_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
_BLEU_ORDER = 3
_GRID_POINTS = 20
_GRID_START = 1000
_FEWEST_WORDS = 20

Evaluate = Callable[[np.ndarray], float]


def words(text: str) -> list[str]:
    """Words of a text: lower case, letters and digits of any script, no punctuation.

    An apostrophe inside a word belongs to it, and its two forms are one; a hyphen separates words.
    """
    return [word.replace("\u2019", "'") for word in _WORD.findall(text.lower())]


@measure(label="Words per answer", unit="words", direction="none", level="prompt")
def response_words(inputs: Inputs) -> list[float | None]:
    """Number of words of each answer. Every diversity measure reacts to it: read them together."""
    return [float(len(words(text))) for text in inputs.texts]


@measure(label="Tokens per answer", unit="tokens", direction="none", level="prompt")
def response_tokens(inputs: Inputs) -> list[float | None]:
    """Number of tokens of each answer, as its own model's tokenizer counts; null where unknown."""
    tokens = inputs.frame["completion_tokens"].to_list()
    return [None if count is None else float(count) for count in tokens]


class SelfBleu:
    """Exact self-BLEU of any subset of texts.

    The definition compares every text with all others. The clipping count of an n-gram in text i is
    its largest count among the *other* texts: the largest of all, or the second largest where i
    itself holds the largest. N-grams are counted and sorted once; a subset then costs one pass over
    the counts, so that half-samples are cheap.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

        tokenise = Tokenizer13a()
        tokens = [tokenise(text.rstrip()).split() for text in texts]
        self.lengths = np.array([len(each) for each in tokens], dtype=np.int64)
        vocabulary: dict[str, int] = {}
        ids = np.array(
            [vocabulary.setdefault(token, len(vocabulary)) for each in tokens for token in each],
            dtype=np.int64,
        )
        text_of = np.repeat(np.arange(len(texts)), self.lengths)
        grams, slots, counts = [], [], []
        gram, offset = ids, 0
        for order in range(1, _BLEU_ORDER + 1):
            if len(ids) < order:
                break
            if order > 1:
                pair = gram[:-1] * len(vocabulary) + ids[order - 1 :]
                gram = np.unique(pair, return_inverse=True)[1].astype(np.int64)
            # N-grams over the end of a text are numbered, to keep positions, but not counted.
            inside = text_of[: len(gram)] == text_of[order - 1 :]
            distinct = int(gram.max()) + 1
            key = text_of[: len(gram)][inside] * distinct + gram[inside]
            found, count = np.unique(key, return_counts=True)
            grams.append(found % distinct + offset)
            slots.append(found // distinct * _BLEU_ORDER + order - 1)
            counts.append(count)
            offset += distinct
        self.gram, self.slot, self.count = (
            np.concatenate(each) if each else np.zeros(0, dtype=np.int64)
            for each in (grams, slots, counts)
        )
        order_of_rows = np.lexsort((self.slot, -self.count, self.gram))
        self.gram, self.slot, self.count = (
            each[order_of_rows] for each in (self.gram, self.slot, self.count)
        )

    def scores(self, index: np.ndarray) -> np.ndarray:
        """BLEU (0 to 100) of each text of `index` against its other texts; NaN if there is none."""
        if len(index) < 2:
            return np.full(len(index), np.nan)
        member = np.zeros(len(self.lengths), dtype=bool)
        member[index] = True
        keep = member[self.slot // _BLEU_ORDER]
        gram, slot, count = self.gram[keep], self.slot[keep], self.count[keep]
        first = np.ones(len(gram), dtype=bool)
        first[1:] = gram[1:] != gram[:-1]
        start = np.flatnonzero(first)
        group = np.cumsum(first) - 1
        second = np.zeros(len(start), dtype=np.int64)
        has_second = np.diff(np.append(start, len(gram))) > 1
        second[has_second] = count[start[has_second] + 1]
        others = np.where(first, second[group], count[start][group])
        correct = np.bincount(
            slot, weights=np.minimum(count, others), minlength=len(self.lengths) * _BLEU_ORDER
        ).reshape(-1, _BLEU_ORDER)[index]
        lengths = self.lengths[index]
        return _bleu(correct, lengths, _closest_lengths(lengths))

    def mean(self, index: np.ndarray) -> float:
        """Mean of the scores; texts without tokens are no hypotheses and no references."""
        scores = self.scores(index[self.lengths[index] > 0])
        return float(np.mean(scores)) if len(scores) else float("nan")


def _closest_lengths(lengths: np.ndarray) -> np.ndarray:
    """For each text the length, among the others, that is closest to its own; ties: the shorter."""
    distinct, place, count = np.unique(lengths, return_inverse=True, return_counts=True)
    padded = np.concatenate(([-np.inf], distinct, [np.inf]))
    shorter, longer = padded[place], padded[place + 2]
    other = np.where(lengths - shorter <= longer - lengths, shorter, longer)
    return np.where(count[place] > 1, lengths, other)


def _bleu(correct: np.ndarray, lengths: np.ndarray, reference_lengths: np.ndarray) -> np.ndarray:
    """Sentence BLEU as sacrebleu computes it: exponential smoothing, effective order."""
    log_sum = np.zeros(len(lengths))
    smoothing = np.ones(len(lengths))
    orders = np.zeros(len(lengths))
    for order in range(_BLEU_ORDER):
        total = lengths - order
        present = total > 0
        safe_total = np.maximum(total, 1)
        hit = correct[:, order] > 0
        smoothing = np.where(present & ~hit, smoothing * 2, smoothing)
        matched = np.where(hit, correct[:, order], 1.0 / smoothing)
        log_sum += np.where(present, np.log(100.0 * matched / safe_total), 0.0)
        orders += present
    safe_length = np.maximum(lengths, 1)
    penalty = np.exp(np.minimum(0.0, 1.0 - reference_lengths / safe_length))
    scores = penalty * np.exp(log_sum / np.maximum(orders, 1))
    return np.where(correct.any(axis=1), scores, 0.0)


@measure(label="Self-BLEU-3", unit="points (0–100)", direction="lower", level="set")
def self_bleu(inputs: Inputs) -> Evaluate:
    """Mean BLEU-3 of each answer against all other answers of the set; lower is more diverse.

    sacrebleu's BLEU: order 3, 13a tokeniser, case-sensitive, exponential smoothing, effective
    order, closest reference length (ties: the shorter). Answers without tokens are left out. It
    rises with the number of answers: compare equal sets only.
    Source: Zhu et al. 2018 (Texygen), arXiv 1802.01886; the algorithm is exact and near-linear.
    """
    return inputs.shared("self_bleu", lambda: SelfBleu(inputs.texts)).mean


def rarefied(frequencies: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Expected number of distinct words among N words drawn without replacement from a text.

    V(N) = Σ_w [1 − C(T − f_w, N) / C(T, N)], with f_w the count of word w and T their sum.
    Source: Hurlbert 1971, Ecology 52(4).

    Args:
        frequencies: count of every word; zeros are allowed.
        sizes: values of N, none above T.
    """
    from scipy.special import gammaln

    frequency, multiplicity = np.unique(frequencies[frequencies > 0], return_counts=True)
    total = int(frequencies.sum())
    expected = []
    for size in sizes:
        rest = total - frequency
        possible = rest >= size
        log_missing = np.full(len(frequency), -np.inf)
        log_missing[possible] = (
            gammaln(rest[possible] + 1.0)
            - gammaln(rest[possible] - size + 1.0)
            - gammaln(total + 1.0)
            + gammaln(total - size + 1.0)
        )
        expected.append(float(multiplicity @ -np.expm1(np.minimum(log_missing, 0.0))))
    return np.array(expected)


class WordCounts:
    """Word counts of any subset of texts, and how many words are drawn from it.

    That is half of the budget for every subset. The intervals rest on halves of the answers, which
    have half of the words: only at the same number of words do they lie on the scale of the whole.
    At the whole budget for the whole set, the halves' spread was measured to be half of the
    sampling error of the vocabulary (300 Dolly answers: 40 words against 73; so: 40 against 43).
    """

    def __init__(self, texts: Sequence[str], budget: int) -> None:
        vocabulary: dict[str, int] = {}
        listed = [words(text) for text in texts]
        self.ids = np.array(
            [vocabulary.setdefault(word, len(vocabulary)) for each in listed for word in each],
            dtype=np.int64,
        )
        self.text_of = np.repeat(np.arange(len(texts)), [len(each) for each in listed])
        self.texts, self.distinct, self.budget = len(texts), len(vocabulary), budget

    def subset(self, index: np.ndarray) -> tuple[np.ndarray, int]:
        """Counts of the subset, and half of the budget (never more than the subset has)."""
        member = np.zeros(self.texts, dtype=bool)
        member[index] = True
        counts = np.bincount(self.ids[member[self.text_of]], minlength=self.distinct)
        return counts, min(round(self.budget / 2), int(counts.sum()))

    def vocabulary(self, index: np.ndarray) -> float:
        """Expected distinct words in half of the budget."""
        counts, size = self.subset(index)
        return float(rarefied(counts, np.array([size]))[0]) if size else float("nan")

    def heaps(self, index: np.ndarray) -> tuple[float, float]:
        """K and β of V(N) = K·N^β; NaN where the subset has too few words for a curve."""
        counts, size = self.subset(index)
        if size < _FEWEST_WORDS:
            return float("nan"), float("nan")
        start = min(_GRID_START, size / 10)
        grid = np.unique(np.rint(np.geomspace(start, size, _GRID_POINTS)).astype(np.int64))
        log_n, log_v = np.log(grid), np.log(rarefied(counts, grid))
        centred = log_n - log_n.mean()
        beta = float(centred @ log_v / (centred @ centred))
        return float(np.exp(log_v.mean() - beta * log_n.mean())), beta


def _word_counts(inputs: Inputs) -> WordCounts:
    return inputs.shared("word_counts", lambda: WordCounts(inputs.texts, inputs.token_budget))


@measure(label="Heaps' β", unit="exponent", direction="higher", level="set")
def heaps_beta(inputs: Inputs) -> Evaluate:
    """Exponent β of Heaps' law V(N) = K·N^β; higher: new words keep coming. Read it with `heaps_k`.

    V(N) is the expected number of distinct words among N words drawn without replacement (closed
    form, so no order of the answers matters), on 20 log-spaced N from 1000 words (or a tenth of the
    end, if that is less) to half of what the shortest condition has, so that halves of the answers
    reach the end too; log–log least squares. Source: Heaps 1978; rarefaction after Hurlbert 1971.
    """
    counts = _word_counts(inputs)
    return lambda index: counts.heaps(index)[1]


@measure(label="Heaps' K", unit="words", direction="none", level="set")
def heaps_k(inputs: Inputs) -> Evaluate:
    """Factor K of Heaps' law, fitted together with `heaps_beta`, to which it is negatively tied."""
    counts = _word_counts(inputs)
    return lambda index: counts.heaps(index)[0]


@measure(label="Vocabulary at equal length", unit="distinct words", direction="higher", level="set")
def vocabulary(inputs: Inputs) -> Evaluate:
    """Expected number of distinct words in half as many words as the shortest condition has.

    Hypergeometric rarefaction (Hurlbert 1971), so that conditions of different length are compared
    at equal length; half, so that halves of the answers reach it too. Higher is richer.
    """
    return _word_counts(inputs).vocabulary
