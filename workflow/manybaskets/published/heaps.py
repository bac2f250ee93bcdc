"""Published fit of Heaps' law: concatenated answers, counted every 1,000 tokens, linear fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from manybaskets.published.splitting import Splitter

STEP = 1000  # tokens
FEWEST = 3  # counts
_MARKS = str.maketrans("", "", "#*")


@dataclass(frozen=True)
class Growth:
    """Distinct tokens `types[i]` among the first `tokens[i]`."""

    tokens: np.ndarray
    types: np.ndarray


def growth_in_order(texts: Sequence[str], splitter: Splitter) -> Growth:
    """Vocabulary growth of the answers in their order.

    They are joined without a separator, so that the last word of one and the first of the next are
    merged; `#` and `*` are removed, letters are lower-cased, punctuation counts. Tokens after the
    last full thousand are ignored.
    """
    tokens = splitter.words("".join(texts).translate(_MARKS).lower())
    seen: set[str] = set()
    counts = []
    for start in range(0, len(tokens) - STEP + 1, STEP):
        seen.update(tokens[start : start + STEP])
        counts.append(len(seen))
    return Growth(STEP * np.arange(1.0, len(counts) + 1), np.array(counts, dtype=np.float64))


def linear_fit(grown: Growth) -> dict[str, float]:
    """K and beta of V = K·N^beta by unweighted least squares in linear space, from (1, 1).

    The same search as `scipy.optimize.curve_fit`. None for fewer than three counts, which two
    parameters would always fit, or if the search does not converge.
    """
    from scipy.optimize import leastsq

    if len(grown.tokens) < FEWEST:
        return {}

    def residuals(parameters: np.ndarray) -> np.ndarray:
        return parameters[0] * grown.tokens ** parameters[1] - grown.types

    (scale, exponent), _, _, _, ended = leastsq(residuals, (1.0, 1.0), full_output=True)
    return {"K": float(scale), "beta": float(exponent)} if ended in (1, 2, 3, 4) else {}
