"""Answers of a target and its adapters to the prompt sets, with one load of the base model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from manybaskets.config.parts import Responses
from manybaskets.engines import LocalEngine
from manybaskets.generation import Answering, answer_prompts


def respond(
    engine: LocalEngine,
    who: str,
    *,
    seeds: Sequence[int],
    adapters: Sequence[Path],
    prompt_sets: Mapping[str, Path],
    responses: Responses,
    max_prompt_tokens: int,
    study_seed: int,
    work: Path,
    outputs: Sequence[Path],
) -> None:
    """Answer every prompt set with every adapter; without adapters, with the base model.

    Args:
        who: `target/mix`; with the training seed it is part of every row's seed.
        adapters: one per training seed, in the order of `seeds`.
        outputs: files in the order seed, then prompt set.
    """
    files = iter(outputs)
    for seed, adapter in zip(seeds, adapters or [None], strict=True):
        engine.use_adapter(adapter)
        for name, prompts in prompt_sets.items():
            how = Answering(
                who=f"{who}/{seed}/{name}",
                sampling=responses.sampling,
                samples=responses.samples,
                batch_size=responses.batch_size,
                max_prompt_tokens=max_prompt_tokens,
                max_error_share=responses.max_error_share,
                study_seed=study_seed,
                work=work / f"seed{seed}" / name,
            )
            answer_prompts(pl.read_parquet(prompts), engine, how, next(files))
