"""Vendi scores: effective numbers of distinct answers, from the eigenvalues of their similarity."""

from __future__ import annotations

import numpy as np

from manybaskets.measures.deletion import Deletion
from manybaskets.measures.inputs import Inputs
from manybaskets.measures.registry import measure
from manybaskets.measures.semantic import unit_vectors
from manybaskets.measures.subsets import Evaluation, Subsets
from manybaskets.measures.variants import LEN_MATCHED

# No half-samples: their spread was measured to be 0.8 of the sampling error for orders up to 1 (400
# and 1,200 Dolly answers), that of the values without each prompt 1.0 (400 Dolly answers).
_DRAWS = 0


def spectrum(vectors: np.ndarray) -> np.ndarray:
    """Eigenvalues of the cosine similarities of n unit vectors, divided by n; they sum to 1.

    The n × n matrix X·Xᵀ/n and the d × d matrix Xᵀ·X/n have the same ones but for zeros, so the
    smaller matrix is taken. Those that are 0 but for rounding are 0: low orders would count them.

    Args:
        vectors: float64 [n, d], n at least 1.
    """
    count, dimensions = vectors.shape
    product = vectors @ vectors.T if count < dimensions else vectors.T @ vectors
    values = np.linalg.eigvalsh(product / count)
    return np.where(values > len(values) * np.finfo(np.float64).eps * values[-1], values, 0.0)


def effective_number(shares: np.ndarray, order: float) -> float:
    """Hill number of shares that sum to 1: exp of Rényi's entropy of an order.

    (Σ p^q)^(1 / (1 − q)); exp(−Σ p log p) for order 1, and 1 / max p for order infinity.
    """
    shares = shares[shares > 0]
    if order == 1:
        return float(np.exp(-(shares @ np.log(shares))))
    if np.isinf(order):
        return float(1.0 / shares.max())
    return float((shares**order).sum() ** (1.0 / (1.0 - order)))


def _spectra(inputs: Inputs, subsets: Subsets) -> list[np.ndarray | None]:
    """Of each set the spectrum; None where it has no answer with a direction."""
    vectors, there = unit_vectors(inputs)

    def of(index: np.ndarray) -> np.ndarray | None:
        index = index[there[index]]
        if not len(index):
            return None
        # All rows need no copy.
        return spectrum(vectors if len(index) == len(vectors) else vectors[index])

    return inputs.shared(("vendi", subsets), lambda: [of(index) for index in subsets.indices])


def _vendi(inputs: Inputs, order: float) -> Evaluation:
    vectors, there = unit_vectors(inputs)

    def numbers(subsets: Subsets) -> np.ndarray:
        found = _spectra(inputs, subsets)
        return np.array(
            [np.nan if each is None else effective_number(each, order) for each in found]
        )

    def left_out(index: np.ndarray, group: np.ndarray, groups: int) -> np.ndarray:
        group, index = group[there[index]], index[there[index]]
        if len(index) < 2:
            found = np.full(groups, 1.0 if len(index) else np.nan)
            found[group] = np.nan
            return found
        found = np.full(groups, effective_number(spectrum(vectors[index]), order))
        number = np.bincount(group, minlength=groups)
        alone = number[group] == 1
        if alone.any():
            found[group[alone]] = Deletion(vectors[index]).effective_numbers(order)[alone]
        for several in np.flatnonzero(number > 1):
            others = vectors[index[group != several]]
            found[several] = effective_number(spectrum(others), order) if len(others) else np.nan
        return found

    return Evaluation(numbers, there, left_out)


@measure(
    label="Vendi score (q = 0.5)",
    unit="effective answers",
    direction="higher",
    level="set",
    needs=("responses", "embeddings"),
    length_controls=(LEN_MATCHED,),
    most_draws=_DRAWS,
)
def vendi_q05(inputs: Inputs) -> Evaluation:
    """`vendi` of order q = 0.5, where rare answers weigh more: (Σ √λ)².

    Source: Pasarkar & Dieng 2024, arXiv 2310.12952.
    """
    return _vendi(inputs, 0.5)


@measure(
    label="Vendi score",
    unit="effective answers",
    direction="higher",
    level="set",
    needs=("responses", "embeddings"),
    length_controls=(LEN_MATCHED,),
    most_draws=_DRAWS,
)
def vendi(inputs: Inputs) -> Evaluation:
    """Effective number of distinct answers, exp(−Σ λ log λ); higher is more diverse.

    λ are the eigenvalues of the matrix of cosine similarities of the answers, divided by their
    number; n answers without anything in common give n, n copies of one give 1. An answer's vector
    is the mean of its sentence vectors, at length 1, so that the vectors' dimensions bound the
    value. It rises with the number of answers: compare equal sets only. Answers without a sentence
    are left out.
    Source: Friedman & Dieng 2023, arXiv 2210.02410.
    """
    return _vendi(inputs, 1.0)


@measure(
    label="Vendi score (q = 2)",
    unit="effective answers",
    direction="higher",
    level="set",
    needs=("responses", "embeddings"),
    length_controls=(LEN_MATCHED,),
    most_draws=_DRAWS,
)
def vendi_q2(inputs: Inputs) -> Evaluation:
    """`vendi` of order q = 2, where common answers weigh more: 1 / Σ λ².

    Source: Pasarkar & Dieng 2024, arXiv 2310.12952.
    """
    return _vendi(inputs, 2.0)


@measure(
    label="Vendi score (q = ∞)",
    unit="effective answers",
    direction="higher",
    level="set",
    needs=("responses", "embeddings"),
    length_controls=(LEN_MATCHED,),
    most_draws=_DRAWS,
)
def vendi_inf(inputs: Inputs) -> Evaluation:
    """`vendi` of order q = ∞, which sees what the answers have most in common alone: 1 / max λ.

    Source: Pasarkar & Dieng 2024, arXiv 2310.12952.
    """
    return _vendi(inputs, np.inf)
