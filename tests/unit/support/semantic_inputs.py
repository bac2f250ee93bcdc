"""Inputs of measures for the tests of semantic measures: made-up sentence vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from manybaskets.measures import Inputs, SentenceVectors


def unit(vectors: np.ndarray) -> np.ndarray:
    """The vectors at length 1, in double precision."""
    vectors = np.asarray(vectors, dtype=np.float64)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def semantic_inputs(
    vectors: np.ndarray,
    owner: Sequence[int] | None = None,
    ids: Sequence[str] | None = None,
    rows: int | None = None,
    reference: SentenceVectors | None = None,
) -> Inputs:
    """Answers with these sentence vectors: one each, and one answer per prompt, unless said."""
    owner = np.arange(len(vectors)) if owner is None else np.asarray(owner, dtype=np.int64)
    rows = rows if rows is not None else len(ids) if ids is not None else int(owner.max()) + 1
    names = list(ids) if ids is not None else [f"{place:05d}" for place in range(rows)]
    return Inputs(
        frame=pl.DataFrame({"prompt_id": names, "text": names}),
        token_budget=1,
        embeddings=SentenceVectors(vectors, owner),
        reference_embeddings=reference,
    )


def random_answers(
    answers: int, seed: int, dimensions: int = 8, longest: int = 5
) -> tuple[np.ndarray, np.ndarray]:
    """Unit sentence vectors of answers of no to some sentences, and their owners."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, longest + 1, size=answers)
    owner = np.repeat(np.arange(answers), counts)
    topics = rng.normal(size=(answers, dimensions))[owner]
    return unit(rng.normal(size=(len(owner), dimensions)) + topics + 0.5), owner
