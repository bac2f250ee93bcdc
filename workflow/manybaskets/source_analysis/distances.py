"""Energy distances between the answer vector distributions of sources, pair by pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from manybaskets.config.evaluation import Statistics
from manybaskets.records.ids import row_seed
from manybaskets.source_analysis.pairs import PAIRS, symmetric
from manybaskets.source_analysis.shared_answers import text_codes

EMBEDDING = "embedding"


def vector_distances(
    vectors: Mapping[str, np.ndarray],
    prompt_ids: Sequence[str],
    settings: Statistics,
    seed: int,
    unshared: int = 0,
) -> pl.DataFrame:
    """Energy distance between the answers of every pair of sources (schema `PAIRS`).

    With x_i, y_i the vectors of two sources' answers to prompt i and ‖·‖ the Euclidean norm,

        D² = mean over i ≠ j of ‖x_i − y_j‖ + ‖x_j − y_i‖ − ‖x_i − x_j‖ − ‖y_i − y_j‖,

    the mean over all pairs of prompts with different texts, so that the two answers to one prompt,
    which resemble each other, are never compared: unbiased, with mean 0 (and thus sometimes
    negative) for equal distributions, whether or not the prompts are shared. `value` is D² divided
    by the mean of ‖x_i − y_j‖ + ‖x_j − y_i‖, the energy coefficient: 0 for equal distributions, 1
    for two different points. Interval: delete-one jackknife over prompts (those of one text
    together), t. `p`: the two answers to each prompt are swapped at random; `floor` is the 95th
    percentile of the swaps. Sources: Székely & Rizzo 2013, J. Stat. Plan. Inference 143(8); the
    one-sample U-statistic of pairs: Gretton et al. 2012, JMLR 13, section 2.2.

    Args:
        vectors: `[prompt, dimension]` by source; NaN rows for answers without a vector. Prompts at
            which any source has no vector are left out and counted.
        prompt_ids: prompt ids of the rows.
        settings: confidence and number of swaps; without swaps, `floor` and `p` are null.
        seed: for the swaps.
        unshared: prompts that not every source answered; they are counted as left out.
    """
    names = list(vectors)
    known = np.ones(len(prompt_ids), dtype=bool)
    for each in vectors.values():
        known &= np.isfinite(each).all(axis=1)
    codes = text_codes(prompt_ids)[known]
    kept = {name: np.asarray(each, dtype=np.float64)[known] for name, each in vectors.items()}
    counts = {"n_prompts": int(known.sum()), "n_excluded": unshared + int((~known).sum())}
    if len(set(codes.tolist())) < 3:
        return pl.DataFrame(schema=PAIRS)
    within = {name: _distances(each, each) for name, each in kept.items()}
    apart = codes[:, None] != codes[None, :]
    signs = _signs(codes, settings.answer_swaps, seed)
    found = {}
    for row, first in enumerate(names):
        for second in names[:row]:
            across = _distances(kept[first], kept[second])
            between = (across + across.T) * apart
            inside = (within[first] + within[second]) * apart
            found[(first, second)] = (
                _coefficient(between - inside, between, codes, settings)
                | _by_swaps(between - inside, float(between.sum()), signs)
                | counts
            )
    return symmetric(EMBEDDING, names, found)


def _distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Euclidean distances of all rows from matrix products, clipped at 0."""
    squares = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1)[None, :]
    return np.sqrt(np.maximum(squares - 2.0 * (first @ second.T), 0.0))


def _coefficient(
    numerator: np.ndarray, denominator: np.ndarray, codes: np.ndarray, settings: Statistics
) -> dict[str, float | None]:
    """Σ numerator / Σ denominator with a jackknife over clusters of prompts."""
    from scipy.stats import t

    clusters = int(codes.max()) + 1
    above, below = float(numerator.sum()), float(denominator.sum())
    if below <= 0:
        return {"value": 0.0, "low": None, "high": None}
    # A cluster's share of the sums: all pairs with another cluster.
    lost = [
        2.0 * np.bincount(codes, weights=each.sum(axis=1), minlength=clusters)
        for each in (numerator, denominator)
    ]
    rest = below - lost[1]
    left_out = np.divide(
        above - lost[0], rest, out=np.full(clusters, above / below), where=rest > 0
    )
    spread = (clusters - 1) / clusters * ((left_out - left_out.mean()) ** 2).sum()
    half = np.sqrt(spread) * float(t.ppf((1 + settings.confidence) / 2, clusters - 1))
    return {"value": above / below, "low": above / below - half, "high": above / below + half}


def _signs(codes: np.ndarray, swaps: int, seed: int) -> np.ndarray:
    """Prompts whose answers are swapped: `[prompt, swap]` of ±1, equal within a text."""
    clusters = int(codes.max()) + 1
    rng = np.random.default_rng(row_seed(seed, "swaps", clusters))
    return (rng.integers(0, 2, size=(clusters, swaps)) * 2.0 - 1.0)[codes]


def _by_swaps(numerator: np.ndarray, below: float, signs: np.ndarray) -> dict[str, float | None]:
    """One-sided p and the 95th percentile of the coefficient under swapped answers.

    The numerator is a product of differences of features, so that a swap flips its sign; the
    denominator of unswapped pairs scales both sides equally.
    """
    if below <= 0 or not signs.shape[1]:
        return {"floor": None, "p": None}
    swapped = np.einsum("ij,ij->j", signs, numerator @ signs) / below
    observed = numerator.sum() / below
    reached = int((swapped >= observed - 1e-12).sum())
    return {"floor": float(np.quantile(swapped, 0.95)), "p": (1 + reached) / (1 + signs.shape[1])}
