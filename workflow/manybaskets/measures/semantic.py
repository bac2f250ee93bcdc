"""Semantic measures: cosine distances between the sentence vectors of answers, in closed form."""

from __future__ import annotations

import numpy as np

from manybaskets.measures.inputs import Inputs, SentenceVectors, grouped
from manybaskets.measures.registry import measure
from manybaskets.measures.subsets import Evaluation, Subsets
from manybaskets.measures.variants import LEN_MATCHED

_NO_DIRECTION = 1e-9
_GROUPS_AT_ONCE = 4096


class PairMean:
    """Mean of 1 − a·b over all ordered pairs of different items, without a matrix of pairs.

    With S the sum of the items' vectors, Q that of their squared lengths and n their number, it is
    1 − (‖S‖² − Q) / (n (n − 1)). Without some of the items, their part is taken off S, Q and n.

    Args:
        sums: sum of the vectors of each row's items, float64 [rows, dimensions].
        squares: sum of the squared lengths of each row's items.
        counts: number of each row's items.
    """

    def __init__(self, sums: np.ndarray, squares: np.ndarray, counts: np.ndarray) -> None:
        self.sums, self.squares, self.counts = sums, squares, counts

    def many(self, subsets: Subsets) -> np.ndarray:
        """The mean over the items of each set of rows; NaN for fewer than two items."""
        found = [np.zeros(0)]
        for block in subsets.blocks(subsets.rows):
            members = subsets.members[:, block].astype(np.float64)
            sums = members.T @ self.sums
            found.append(
                self.mean(
                    np.einsum("ij,ij->i", sums, sums), self.squares @ members, self.counts @ members
                )
            )
        return np.concatenate(found)

    def left_out(self, index: np.ndarray, group: np.ndarray, groups: int) -> np.ndarray:
        """The mean over the items of some rows without each group in turn."""
        squares = np.bincount(group, self.squares[index], groups)
        counts = np.bincount(group, self.counts[index], groups)
        total = np.bincount(index, minlength=len(self.sums)) @ self.sums
        length = np.empty(groups)
        for start in range(0, groups, _GROUPS_AT_ONCE):
            stop = min(start + _GROUPS_AT_ONCE, groups)
            span = slice(*np.searchsorted(group, [start, stop]))
            sums = grouped(self.sums[index[span]], group[span] - start, stop - start)
            # ‖S − s‖² = ‖S‖² − 2 S·s + ‖s‖²
            length[start:stop] = np.einsum("ij,ij->i", sums, sums) - 2.0 * (sums @ total)
        return self.mean(length + total @ total, squares.sum() - squares, counts.sum() - counts)

    @staticmethod
    def mean(length: np.ndarray, squares: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """The mean from ‖S‖², Q and n; NaN below two items."""
        several = counts > 1
        pairs = np.where(several, counts * (counts - 1.0), 1.0)
        # Distances are not negative, but rounding may make them so.
        return np.where(several, np.maximum(1.0 - (length - squares) / pairs, 0.0), np.nan)

    def evaluation(self) -> Evaluation:
        """The set-level measure; rows without an item do not count."""
        return Evaluation(self.many, self.counts > 0, self.left_out)


def answer_vectors(inputs: Inputs) -> tuple[np.ndarray, np.ndarray]:
    """Mean of the sentence vectors of each answer, and which answers have a sentence.

    float64 [rows, dimensions], 0 without a sentence; computed once.
    """

    def make() -> tuple[np.ndarray, np.ndarray]:
        found = inputs.embeddings.means(inputs.frame.height)
        there = ~np.isnan(found[:, :1]).any(axis=1)
        found[~there] = 0.0
        return found, there

    return inputs.shared("answer_vectors", make)


def unit_means(given: SentenceVectors, texts: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean of the sentence vectors of each text at length 1, and which texts have such a vector.

    float64 [texts, dimensions], 0 where there is none: without a sentence, or where sentences
    cancel each other, so that their mean has no direction.
    """
    means = given.means(texts)
    length = np.linalg.norm(means, axis=1)
    there = length > _NO_DIRECTION  # false for NaN
    means[~there] = 0.0
    means /= np.where(there, length, 1.0)[:, None]
    return means, there


def unit_vectors(inputs: Inputs) -> tuple[np.ndarray, np.ndarray]:
    """`unit_means` of the answers, computed once."""
    return inputs.shared("unit_vectors", lambda: unit_means(inputs.embeddings, inputs.frame.height))


def _sentence_sums(inputs: Inputs) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sum, sum of squared lengths, and number of each answer's sentence vectors."""

    def make() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        given, rows = inputs.embeddings, inputs.frame.height
        number = np.bincount(given.owner, minlength=rows)
        vectors = np.asarray(given.vectors)
        lengths = np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)
        squares = np.bincount(given.owner, lengths, rows)
        return grouped(vectors, given.owner, rows), squares, number

    return inputs.shared("sentence_sums", make)


@measure(
    label="Semantic distance between answers",
    unit="cosine distance",
    direction="higher",
    level="set",
    needs=("responses", "embeddings"),
    length_controls=(LEN_MATCHED,),
)
def remote_clique(inputs: Inputs) -> Evaluation:
    """Mean cosine distance over all pairs of answers; 0 for copies. The headline of semantic diversity.

    An answer's vector is the mean of its sentence vectors, at length 1; 1 − (‖S‖² − R) / (R (R − 1)),
    with S the sum of the R vectors. Higher is more diverse. The mean of many sentences lies nearer
    to what all answers share, so the value falls with the length of answers: read
    `remote_clique@len_matched` in addition, and `semantic_excess`, which counts how far the
    sentences of an answer are from each other. Answers without a sentence that holds a word are left
    out; null below two. Source: Cox et al. 2021 (CHI), "Directed Diversity", there remote clique.
    """
    vectors, there = unit_vectors(inputs)
    squares = np.einsum("ij,ij->i", vectors, vectors)
    return PairMean(vectors, squares, there.astype(np.float64)).evaluation()


class _HalfSquaredDistance(PairMean):
    """Mean of ½‖a − b‖² over all pairs, in the terms of `PairMean`: (n Q − ‖S‖²) / (n (n − 1))."""

    @staticmethod
    def mean(length: np.ndarray, squares: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """The mean from ‖S‖², Q and n; NaN below two items."""
        several = counts > 1
        pairs = np.where(several, counts * (counts - 1.0), 1.0)
        return np.where(several, np.maximum(counts * squares - length, 0.0) / pairs, np.nan)


@measure(
    label="Semantic distance between answers beyond that within them",
    unit="cosine distance",
    direction="higher",
    level="set",
    needs=("responses", "embeddings"),
    length_controls=(LEN_MATCHED,),
)
def semantic_excess(inputs: Inputs) -> Evaluation:
    """`semantic_between` less the mean distance of sentences within the two answers; 0 for copies.

    For answers r and s the mean of 1 − a·b over sentences a of r and b of s, less half of that over
    all ordered pairs of sentences of r and half of that of s (a sentence and itself included): this
    is ½‖ū_r − ū_s‖², with ū the mean of an answer's sentence vectors, so that answers with many
    unlike sentences are no more distant for it. Mean over all pairs of answers; higher is more
    diverse. Like every mean of vectors it falls with the number of sentences: read
    `semantic_excess@len_matched` in addition. Answers without a sentence that holds a word are left
    out; null below two. Source: Rao 1982, Theoretical Population Biology 21(1), whose quadratic
    entropy between groups it is; the energy distance of Székely & Rizzo 2013 for squared distances.
    """
    vectors, there = answer_vectors(inputs)
    squares = np.einsum("ij,ij->i", vectors, vectors)
    return _HalfSquaredDistance(vectors, squares, there.astype(np.float64)).evaluation()


@measure(
    label="Semantic distance of sentences between answers (published form)",
    unit="cosine distance",
    direction="none",
    level="set",
    needs=("responses", "embeddings"),
)
def semantic_between(inputs: Inputs) -> Evaluation:
    """Mean cosine distance between sentences of two answers, every pair of answers weighing the same.

    1 − (‖Σ_r ū_r‖² − Σ_r ‖ū_r‖²) / (R (R − 1)), with ū_r the mean of answer r's sentence vectors;
    over all pairs, none sampled. The published form, without a preferred direction: it does not see
    copies, since one answer of unlike sentences, given to every prompt, is as far from itself as its
    sentences are from each other. Read `remote_clique`. Answers without a sentence that holds a word
    are left out; null below two answers. Several answers to a prompt are answers like others.
    Source: after Schaffelder & Gatt 2026, who sample sentences, so that long answers weigh more.
    """
    vectors, there = answer_vectors(inputs)
    squares = np.einsum("ij,ij->i", vectors, vectors)
    return PairMean(vectors, squares, there.astype(np.float64)).evaluation()


@measure(
    label="Semantic distance of sentences (published form)",
    unit="cosine distance",
    direction="none",
    level="set",
    needs=("responses", "embeddings"),
)
def semantic_sentences(inputs: Inputs) -> Evaluation:
    """Mean cosine distance over all pairs of sentences of the set, those of one answer included.

    1 − (‖S‖² − Σ‖u‖²) / (n (n − 1)), with S the sum of all n sentence vectors u; none sampled. Long
    answers weigh more. The published form, without a preferred direction: like `semantic_between`,
    it does not see copies of an answer of unlike sentences. Answers without a sentence that holds a word
    are left out; null below two sentences.
    Source: Schaffelder & Gatt 2026, there over 5,000 sampled sentences.
    """
    sums, squares, number = _sentence_sums(inputs)
    return PairMean(sums, squares, number.astype(np.float64)).evaluation()


@measure(
    label="Semantic distance within the answer",
    unit="cosine distance",
    direction="none",
    level="prompt",
    needs=("responses", "embeddings"),
)
def semantic_within(inputs: Inputs) -> list[float | None]:
    """Mean cosine distance over all pairs of sentences of one answer.

    The formula of `semantic_sentences` on one answer. It is about an answer and not about how
    different answers are, so that no direction is preferred. Null below two sentences, so read the number
    left out, too. Source: project's own, the counterpart of `semantic_between`.
    """
    sums, squares, number = _sentence_sums(inputs)
    found = PairMean.mean(np.einsum("ij,ij->i", sums, sums), squares, number.astype(np.float64))
    return [
        float(value) if several else None for value, several in zip(found, number > 1, strict=True)
    ]
