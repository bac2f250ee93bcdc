"""Vectors of sampled sentences, cached between runs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from manybaskets.measures.embedding import text_key
from manybaskets.published.semantic_distance import unit_length
from manybaskets.records.ids import digest
from manybaskets.records.writing import whole_file

log = logging.getLogger(__name__)

Encode = Callable[[list[str]], np.ndarray]


def kept_vectors(sentences: Sequence[str], encode: Encode, folder: Path) -> np.ndarray:
    """Unit vectors of a sample's sentences, float64 [sentences, dimensions].

    Each distinct sentence is encoded once. A sample is cached as a whole (float32), so that its
    vectors do not depend on earlier samples.

    Args:
        encode: vectors of sentences, float32 [sentences, dimensions].
        folder: of one encoder.
    """
    distinct = sorted(set(sentences))
    path = folder / f"{digest([text_key(each) for each in distinct])[:32]}.npy"
    if path.exists():
        vectors = np.load(path)
    else:
        log.info("encoding %d sentences, %d of them distinct", len(sentences), len(distinct))
        vectors = encode(distinct)
        with whole_file(path) as partial, open(partial, "wb") as handle:
            np.save(handle, vectors)
    place = {sentence: row for row, sentence in enumerate(distinct)}
    return unit_length(vectors)[np.array([place[each] for each in sentences], dtype=np.int64)]
