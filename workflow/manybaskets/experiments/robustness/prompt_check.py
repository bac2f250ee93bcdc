"""Check that no adversarial prompt is truncated, before a target answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from manybaskets.chat import prompts_of
from manybaskets.engines.base import LocalEngine
from manybaskets.errors import UserError


def check_prompts(engine: LocalEngine, prompt_sets: Mapping[str, Path], limit: int) -> None:
    """`check_lengths` for all prompt sets."""
    for name, file in prompt_sets.items():
        check_lengths(engine, pl.read_parquet(file), name, limit)


def check_lengths(engine: LocalEngine, prompts: pl.DataFrame, name: str, limit: int) -> None:
    """Check that every prompt fits: a truncated template would be a different one.

    Raises:
        UserError: some do not; the message names their number and the longest.
    """
    renderer = engine.renderer
    found = {
        prompt.prompt_id: len(renderer.encode_prompt(prompt.text()))
        for prompt in prompts_of(prompts)
    }
    longest = max(found, key=found.__getitem__)
    over = sum(length > limit for length in found.values())
    if over:
        raise UserError(
            what=f"{over} of {len(found)} prompts are too long; the longest, {longest}, has "
            f"{found[longest]} tokens",
            where=f"prompt set '{name}', model '{renderer.name}'",
            expected=f"at most {limit} tokens (`robustness.responses.max_prompt_tokens`)",
            remedy="raise this key up to the model's context, or remove long templates from the "
            "file",
        )
