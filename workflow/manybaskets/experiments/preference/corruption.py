"""A planted quality gap: the same words or sentences in a different order."""

from __future__ import annotations

import random

from manybaskets.measures.tokens import sentences
from manybaskets.records.ids import row_seed


def shuffled(text: str, what: str, *seed: object) -> str:
    """A text with its words or sentences in a different order, if there is one.

    Args:
        what: `words` or `sentences`.
        seed: seed of the order.
    """
    units = sentences(text) if what == "sentences" else text.split()
    if len(set(units)) < 2:
        return text
    rng = random.Random(row_seed("shuffled", what, *seed))
    moved = list(units)
    while moved == units:
        rng.shuffle(moved)
    return " ".join(moved)
