"""Generate responses of a target and its runs to the prompt sets with one load of the base model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.config.engine_kinds import Opening
from manybaskets.config.models import ModelPrompting
from manybaskets.config.responses import Responses
from manybaskets.engines.base import LocalEngine
from manybaskets.engines.factory import open_engine
from manybaskets.generation.answering import AnswerSettings, answer_prompts
from manybaskets.generation.runs import in_turn, who_answered
from manybaskets.names import Run


def open_target(
    target: str,
    responses: Responses,
    params: Mapping[str, Any],
    *,
    model: str,
    threads: int,
    gpus: int,
) -> LocalEngine:
    """Load a target behind the engine that the section `responses` names.

    Args:
        params: `prompting` and `precision` from the config.
        model: folder of the target.
        gpus: GPUs of the job.
    """
    opening = Opening(
        name=target,
        folder=Path(model),
        prompting=ModelPrompting(**params["prompting"]),
        sampling=responses.sampling,
        precision=params["precision"],
        threads=threads,
        gpus=gpus,
    )
    return open_engine(responses.engine, opening)


def respond(
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
    """Answer every prompt set with every run's adapter, or with the base model.

    A run's answers do not depend on other runs in the same load: target, mix, training seed and
    prompt set are part of every row's seed, and each set has its own journal.

    Args:
        adapters: one per run; None for the untuned target.
        work: folder of the journals of this target.
        outputs: files ordered by run, then prompt set.
    """
    files = iter(outputs)
    for mix, seed in in_turn(engine, target, runs, adapters):
        for name, prompts in prompt_sets.items():
            settings = AnswerSettings(
                who=who_answered(target, mix, seed, name),
                sampling=responses.sampling,
                samples=responses.samples,
                batch_size=responses.batch_size,
                max_prompt_tokens=max_prompt_tokens,
                max_error_share=responses.max_error_share,
                study_seed=study_seed,
                work=work / mix / f"seed{seed}" / name,
            )
            answer_prompts(pl.read_parquet(prompts), engine, settings, next(files))
