"""From files of answers to swap tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.config.evaluation import Comparison
from manybaskets.measures.embedding import Vectors
from manybaskets.measures.inputs import Inputs
from manybaskets.measures.measuring import inputs_of
from manybaskets.measures.registry import Measure
from manybaskets.measures.swap_tests import swap_tests


def swap_runs(
    families: Mapping[str, Comparison],
    model: str,
    seeds: Mapping[str, Sequence[int]],
    *,
    responses: Mapping[tuple[str, int, str], Path],
    matched: Mapping[str, Mapping[str, Any]],
    embeddings: Path | None,
    split: pl.DataFrame,
    truth: pl.DataFrame | None,
    swaps: int,
    seed: int,
) -> pl.DataFrame:
    """Swap tests of all comparisons of one model, in the schema `swap_tests.SWAPPED`.

    Args:
        families, model, seeds, swaps, seed: as for `swap_tests`.
        responses: file by mix, training seed and prompt set.
        matched: result of `match_prompts`.
        embeddings: file of the sentence vectors of the answers; None where no measure reads them.
        split: with the human answers.
        truth: what is true of the embedded world's prompts; None for other datasets.
    """
    vectors = Vectors.open(embeddings) if embeddings else None

    def inputs(mix: str, training_seed: int, prompt_set: str, wanted: Sequence[Measure]) -> Inputs:
        return inputs_of(
            responses[mix, training_seed, prompt_set],
            wanted,
            matched=matched[prompt_set],
            likelihood=None,
            vectors=vectors,
            split=split,
            truth=truth,
            seed=seed,
        )

    prompt_ids = {name: each["prompt_ids"] for name, each in matched.items()}
    return swap_tests(families, model, seeds, inputs, prompt_ids, swaps, seed)
