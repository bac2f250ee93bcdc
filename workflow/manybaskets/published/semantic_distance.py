"""Published semantic diversity: cosine distances of all pairs of sampled sentences."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

from manybaskets.published.splitting import Splitter

_SHORTEST = 3  # characters
_LONGEST_MARKER = 4
_NUMBER = re.compile(r"[\d.,\s]+")
_MARKER = re.compile(r"[-+*\u2022#]+|\W*(?:\d+|[a-z]|[ivx]+)[.):]\W*", re.IGNORECASE)


def valid_sentences(text: str, splitter: Splitter) -> list[str]:
    """The compared sentences of an answer, including Markdown.

    Left out are sentences that are empty, contain only numbers or have fewer than three characters,
    and list markers with fewer than five (a bullet, or a number or letter with its mark; the
    study's pattern is not published).
    """
    found = [sentence.strip() for sentence in splitter.sentences(text)]
    return [each for each in found if not _left_out(each)]


def _left_out(sentence: str) -> bool:
    marker = len(sentence) <= _LONGEST_MARKER and _MARKER.fullmatch(sentence)
    return len(sentence) < _SHORTEST or bool(_NUMBER.fullmatch(sentence)) or bool(marker)


def samples(pools: Sequence[Sequence[str]], count: int, seed: int) -> list[list[str]]:
    """`count` sentences of every condition, without replacement; all if there are fewer.

    The seed is set once and the conditions follow in order, so that a condition's sample depends on
    earlier conditions.
    """
    generator = np.random.RandomState(seed)
    drawn = []
    for pool in pools:
        if len(pool) <= count:
            drawn.append(list(pool))
            continue
        drawn.append([pool[i] for i in generator.choice(len(pool), count, replace=False)])
    return drawn


def unit_length(vectors: np.ndarray) -> np.ndarray:
    """Vectors of length one, in float64."""
    given = np.asarray(vectors, dtype=np.float64)
    return given / np.linalg.norm(given, axis=1, keepdims=True)


def pair_statistics(vectors: np.ndarray) -> dict[str, float]:
    """Mean distance over all ordered pairs, with the published "standard error".

    This error, sd (ddof 1) / √pairs, treats n (n − 1) pairs of n sentences as independent and is
    far too small. Both are exact without a matrix of pairs: with unit vectors v, Σ cos = |Σ v|² − n
    and Σ cos² = ‖Vᵀ V‖² − n.

    Args:
        vectors: unit vectors `[sentence, dimension]`.
    """
    n = len(vectors)
    pairs = n * (n - 1)
    if pairs < 2:
        return {}
    total = vectors.sum(axis=0)
    gram = vectors.T @ vectors
    mean_cosine = (float(total @ total) - n) / pairs
    squares = float(np.square(gram).sum()) - n
    variance = max(0.0, squares - pairs * mean_cosine**2) / (pairs - 1)
    return {"mean": 1.0 - mean_cosine, "se_pairs_iid": math.sqrt(variance / pairs)}


def drawn_distances(vectors: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Distances of `count` ordered pairs drawn without replacement, or all if there are fewer.

    The study shuffles all pairs with NumPy's older generator; this draws only the positions, from
    the same distribution.
    """
    n = len(vectors)
    pairs = n * (n - 1)
    if pairs < 2:
        return np.zeros(0)
    places = np.arange(pairs) if pairs <= count else generator.choice(pairs, count, replace=False)
    first, second = places // (n - 1), places % (n - 1)
    second = second + (second >= first)
    return 1.0 - np.einsum("ij,ij->i", vectors[first], vectors[second])
