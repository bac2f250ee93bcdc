"""Answers of a target's runs to the adversarial prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from manybaskets.config.parts import Responses
from manybaskets.engines import LocalEngine
from manybaskets.errors import UserError
from manybaskets.generation import prompts_of
from manybaskets.responding import respond
from manybaskets.runs import Run


def answer_attacks(
    engine: LocalEngine,
    target: str,
    *,
    runs: Sequence[Run],
    adapters: Sequence[Path | None],
    prompt_sets: Mapping[str, Path],
    responses: Responses,
    max_prompt_tokens: int,
    study_seed: int,
    work: Path,
    outputs: Sequence[Path],
) -> None:
    """As `responding.respond`, after a check that no prompt is too long; errors quote no prompt.

    Raises:
        UserError: prompts with more tokens than `max_prompt_tokens`.
    """
    for name, file in prompt_sets.items():
        check_lengths(engine, pl.read_parquet(file), name, max_prompt_tokens)
    respond(
        engine,
        target,
        runs=runs,
        adapters=adapters,
        prompt_sets=prompt_sets,
        responses=responses,
        max_prompt_tokens=max_prompt_tokens,
        study_seed=study_seed,
        work=work,
        outputs=outputs,
    )


def check_lengths(engine: LocalEngine, prompts: pl.DataFrame, name: str, limit: int) -> None:
    """Check that every prompt fits: a template that lost its end would be another one.

    Raises:
        UserError: some do not; says how many, and how long the longest is.
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
            expected=f"at most {limit} tokens (robustness.responses.max_prompt_tokens)",
            remedy="raise this key as far as the model reads, or take long templates out of the file",
        )
