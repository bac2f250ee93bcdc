"""Inputs of measures for the tests of lexical measures."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import polars as pl

from manybaskets.measures import Inputs


def inputs(
    texts: Sequence[str],
    budget: int = 1000,
    references: Sequence[str | None] | None = None,
    shortest: Mapping[str, int] | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
) -> Inputs:
    """One answer to each of as many prompts as there are texts, unless `ids` says otherwise."""
    frame = pl.DataFrame(
        {
            "prompt_id": ids or [f"{place:05d}" for place in range(len(texts))],
            "text": list(texts),
            "reference": list(references) if references else [None] * len(texts),
            "completion_tokens": list(range(len(texts))),
        },
        schema_overrides={
            "prompt_id": pl.String,
            "text": pl.String,
            "reference": pl.String,
            "completion_tokens": pl.Int32,
        },
    )
    return Inputs(frame=frame, token_budget=budget, shortest_words=shortest, seed=seed)


def random_texts(count: int, seed: int, longest: int = 14, vocabulary: int = 12) -> list[str]:
    """Texts of one word or more, some with capitals and punctuation; frequencies fall off."""
    rng = random.Random(seed)
    names = [f"w{number}" for number in range(vocabulary)] + ["The", "the", "U.S.", "1,000", "end."]
    weights = [1 / (place + 1) for place in range(len(names))]
    return [" ".join(rng.choices(names, weights, k=rng.randint(1, longest))) for _ in range(count)]
