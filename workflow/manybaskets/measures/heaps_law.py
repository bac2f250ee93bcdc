"""Heaps' law of the vocabulary's growth, fitted in closed form over all orders of the answers."""

from __future__ import annotations

import numpy as np

from manybaskets.measures.inputs import Inputs
from manybaskets.measures.registry import measure
from manybaskets.measures.richness import count_spectrum, half_budget, has_words, log_missing
from manybaskets.measures.subsets import Evaluation, Subsets
from manybaskets.measures.tokens import corpus_of

_GRID_POINTS = 20
_GRID_START = 1000  # words
_FEWEST_WORDS = 20  # of a growth curve
_GOOD_FIT = 0.99  # R² below which Heaps' law is said not to hold


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
                _growth_fit(
                    *count_spectrum(holders[:, index]), answers[index], totals[index], inputs
                )
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
    return Evaluation(lambda subsets: _heaps(inputs, subsets)[:, 1], has_words(inputs))


@measure(
    label="Heaps' K", unit="words", direction="none", level="set", lexical=True, resampling="groups"
)
def heaps_k(inputs: Inputs) -> Evaluation:
    """Factor K of Heaps' law, fitted together with `heaps_beta`, to which it is negatively tied."""
    return Evaluation(lambda subsets: _heaps(inputs, subsets)[:, 0], has_words(inputs))


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
    return Evaluation(lambda subsets: _heaps(inputs, subsets)[:, 2], has_words(inputs))


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

    return Evaluation(holds, has_words(inputs))
