"""Lexical diversity of a set of answers: n-grams, compression, entropy, the tail of words."""

from __future__ import annotations

import gzip

import numpy as np

from manybaskets.measures.inputs import Inputs
from manybaskets.measures.registry import measure
from manybaskets.measures.richness import expected_types, half_budget, word_counts
from manybaskets.measures.subsets import Evaluation, Incidence, Subsets, distinct
from manybaskets.measures.tokens import Corpus, corpus_of, words
from manybaskets.records.measured import PARTITION_DRAWS

_ORDERS = 10
_ORDERS_OF_DRAWS = 2
_RARE = 5  # words that occur at most this often in the human answers form their tail


class Ngrams:
    """The n-grams of all answers: their number per answer, and the answers that contain each."""

    def __init__(self, inputs: Inputs, order: int) -> None:
        corpus, rows = corpus_of(inputs), inputs.frame.height
        text, gram = corpus.ngrams(order)
        things = max(int(gram.max(initial=-1)) + 1, 1)
        pairs = distinct(text * things + gram)
        self.prompt = inputs.prompt_numbers()
        self.totals = np.maximum(corpus.lengths - order + 1, 0)
        self.incidence = Incidence(pairs // things, pairs % things, rows)

    def distinct(self, subsets: Subsets) -> np.ndarray:
        """Share of distinct n-grams among all n-grams of each set; NaN without n-grams."""
        total = self.totals.astype(np.float64) @ subsets.members
        counts = self.incidence.distinct(subsets)
        return np.where(total > 0, counts / np.maximum(total, 1.0), np.nan)

    def repeated(self, subsets: Subsets, counted: np.ndarray) -> np.ndarray:
        """Mean over the counted answers of log(1 + other answers that contain each of its n-grams).

        Counts in a half-sample are scaled up to the number of answers of the whole set: they grow
        with the set, and their spread must be on the scale of the whole. Without scaling, the
        spread was measured to be 0.74 of the sampling error (400 Dolly answers; with scaling 1.03).
        Sets with as many prompts as the first are not half-samples and are not scaled.
        """
        whole = np.count_nonzero(counted[subsets.indices[0]])
        prompts = [len(distinct(self.prompt[index])) for index in subsets.whole.indices]
        means = np.full(len(subsets), np.nan)
        incidence = self.incidence
        for block in subsets.blocks(max(incidence.things, subsets.rows)):
            others = incidence.holders(subsets, block) - 1.0
            counts = incidence.matrix.T @ others
            for row, index in enumerate(subsets.indices[block]):
                index = index[counted[index]]
                if len(index) > 1:
                    sampled = prompts[block.start + row] != prompts[0]
                    scale = (whole - 1) / (len(index) - 1) if sampled else 1.0
                    repeats = counts[index, row].astype(np.float64)
                    means[block.start + row] = np.log1p(scale * repeats).mean()
        return means


def _ngrams(inputs: Inputs, order: int) -> Ngrams:
    return inputs.shared(("ngrams", order), lambda: Ngrams(inputs, order))


def _distinct(inputs: Inputs, order: int) -> Evaluation:
    grams = _ngrams(inputs, order)
    return Evaluation(grams.distinct, grams.totals > 0)


@measure(
    label="Distinct-1",
    unit="share",
    direction="higher",
    level="set",
    lexical=True,
    resampling="groups",
)
def distinct_1(inputs: Inputs) -> Evaluation:
    """Distinct words / all words of the set; higher is more diverse.

    It falls with the number of words, so only sets of equal length can be compared: read its
    variants. Answers without a word are left out; null where there is none. Intervals of values,
    but not of differences, are too wide where the answers have used up their vocabulary.
    Source: Li et al. 2016, arXiv 1510.03055.
    """
    return _distinct(inputs, 1)


@measure(
    label="Distinct-2",
    unit="share",
    direction="higher",
    level="set",
    lexical=True,
    resampling="groups",
)
def distinct_2(inputs: Inputs) -> Evaluation:
    """Distinct bigrams / all bigrams of words, none across answers; higher is more diverse.

    It falls with the number of words: read its variants. Answers of fewer than two words are left
    out; null where there is no bigram. Source: Li et al. 2016, arXiv 1510.03055.
    """
    return _distinct(inputs, 2)


@measure(
    label="Distinct-3",
    unit="share",
    direction="higher",
    level="set",
    lexical=True,
    resampling="groups",
)
def distinct_3(inputs: Inputs) -> Evaluation:
    """Distinct trigrams / all trigrams of words, none across answers; higher is more diverse.

    It falls with the number of words: read its variants. Answers of fewer than three words are left
    out; null where there is no trigram. Source: after Li et al. 2016, arXiv 1510.03055.
    """
    return _distinct(inputs, 3)


@measure(
    label="Distinct-4",
    unit="share",
    direction="higher",
    level="set",
    lexical=True,
    resampling="groups",
)
def distinct_4(inputs: Inputs) -> Evaluation:
    """Distinct 4-grams / all 4-grams of words, none across answers; higher is more diverse.

    It falls with the number of words: read its variants. Answers of fewer than four words are left
    out; null where there is no 4-gram. Source: after Li et al. 2016, arXiv 1510.03055.
    """
    return _distinct(inputs, 4)


@measure(
    label="N-gram diversity",
    unit="sum of 4 shares",
    direction="higher",
    level="set",
    lexical=True,
    resampling="groups",
)
def ngram_diversity(inputs: Inputs) -> Evaluation:
    """Sum over n = 1 to 4 of distinct n-grams / all n-grams (0 to 4); higher is more diverse.

    None across answers, and each n over all answers that are long enough. Null where there is no
    4-gram. It falls with the number of words: read its variants.
    Source: Padmakumar & He 2024; Shaib et al. 2024, arXiv 2403.00553, there across answers.
    """
    grams = [_ngrams(inputs, order) for order in (1, 2, 3, 4)]
    return Evaluation(
        lambda subsets: sum(each.distinct(subsets) for each in grams), grams[0].totals > 0
    )


@measure(
    label="Self-repetition",
    unit="log(1 + repeats)",
    direction="lower",
    level="set",
    lexical=True,
    resampling="groups",
)
def self_repetition(inputs: Inputs) -> Evaluation:
    """Mean over answers of log(1 + Σ over its distinct 4-grams of the other answers that hold it).

    4-grams of words; natural logarithm; lower is more diverse. An answer of fewer than four words
    has none and counts as 0; one without a word is left out. Null below two answers. It rises with
    the number of answers and with their length: read its variants.
    Source: Salkar et al. 2022 (AACL), section on self-repetition.
    """
    grams, counted = _ngrams(inputs, 4), corpus_of(inputs).lengths > 0

    return Evaluation(lambda subsets: grams.repeated(subsets, counted), counted)


@measure(
    label="Compression ratio",
    unit="raw / compressed",
    direction="lower",
    level="set",
    lexical=True,
    most_draws=PARTITION_DRAWS,
    resampling="groups",
)
def compression_ratio(inputs: Inputs) -> Evaluation:
    """Bytes of the answers / bytes of the same, compressed once by gzip at level 9.

    UTF-8, joined by line breaks; lower is more diverse. gzip sees 32 KiB back, so the order
    matters: mean over 10 random orders, the same for all conditions. Sets without groups of prompts
    are read in two of them and come from one partition, since compressing is slow. Null for no text.
    Source: Shaib et al. 2024, arXiv 2403.00553.
    """
    texts = [text.encode("utf-8", "surrogatepass") for text in inputs.texts]
    counted = np.array([len(text) > 0 for text in texts], dtype=bool)
    places = inputs.shared("compression_orders", lambda: inputs.orders(_ORDERS))

    def ratio(index: np.ndarray, orders: np.ndarray) -> float:
        index = index[counted[index]]
        if not len(index):
            return np.nan
        ratios = []
        for order in orders:
            raw = b"\n".join([texts[row] for row in index[np.argsort(order[index])]])
            ratios.append(len(raw) / len(gzip.compress(raw, 9, mtime=0)))
        return float(np.mean(ratios))

    def ratios(subsets: Subsets) -> np.ndarray:
        return np.array([ratio(index, places) for index in subsets.indices])

    def without_groups(subsets: Subsets) -> np.ndarray:
        few = places[:_ORDERS_OF_DRAWS]
        return np.array([ratio(index, few) for index in subsets.indices])

    return Evaluation(ratios, counted, without_groups=without_groups)


def _human_words(inputs: Inputs) -> tuple[Corpus, np.ndarray]:
    """The human answers, one per prompt, and the number that each of their words has in the corpus
    of the answers (−1: in none)."""

    def read() -> tuple[Corpus, np.ndarray]:
        given = zip(inputs.frame["reference"], inputs.first_of_prompt(), strict=True)
        human = Corpus.of(
            [words(text, inputs.tokenizer) if text and first else [] for text, first in given]
        )
        vocabulary = corpus_of(inputs).vocabulary
        return human, np.array(
            [vocabulary.get(word, -1) for word in human.vocabulary], dtype=np.int64
        )

    return inputs.shared("human_words", read)


@measure(
    label="Coverage of rare human words",
    unit="share",
    direction="higher",
    level="set",
    needs=("responses", "reference"),
    lexical=True,
    resampling="groups",
)
def tail_coverage(inputs: Inputs) -> Evaluation:
    """Expected share of rare human words that occur in the answers, at an equal number of words.

    (1/|R|) Σ_{w ∈ R} [1 − C(T − f_w, N) / C(T, N)], with R the words that occur 1 to 5 times in the
    human answers to the same prompts, f_w their counts in the T words of the answers, and N half of
    the words of the shortest condition (half-samples reach it too). Higher keeps more of the tail,
    which collapse loses first. Null without human answers.
    Source: project's own, with the rarefaction of Hurlbert 1971.
    """
    corpus = corpus_of(inputs)
    human, number = _human_words(inputs)
    prompt, first = inputs.prompt_numbers(), np.flatnonzero(inputs.first_of_prompt())

    def coverage(subsets: Subsets) -> np.ndarray:
        counts = word_counts(inputs, subsets)
        # Whichever answers to a prompt a set holds, its human answer stands with the first one.
        first_prompts = [first[distinct(prompt[index])] for index in subsets.indices]
        human_counts = human.counts() @ Subsets(first_prompts, subsets.rows).members
        shares = np.full(len(subsets), np.nan)
        for column in range(len(subsets)):
            seen = human_counts[:, column]
            tail = number[(seen > 0) & (seen <= _RARE)]
            frequencies = counts[tail[tail >= 0], column]
            total = int(counts[:, column].sum(dtype=np.float64))
            size = half_budget(inputs, total)
            if len(tail) and size:
                shares[column] = expected_types(frequencies, total, size) / len(tail)
        return shares

    return Evaluation(coverage, corpus.lengths > 0)
