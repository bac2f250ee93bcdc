"""A source's settings, engine and rules for accepting answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from manybaskets.config.engine_kinds import Opening
from manybaskets.config.models import ModelPrompting
from manybaskets.config.sources import Source
from manybaskets.engines.base import Engine
from manybaskets.engines.factory import open_engine
from manybaskets.generation.answering import AnswerSettings


def source_of(params: Mapping[str, Any], operations: Mapping[str, Any], name: str) -> Source:
    """A source's section, from a rule's params and the study's operational settings."""
    return Source.assembled(params["source"], operations["sources"][name])


def answering(
    name: str, source: Source, params: Mapping[str, Any], **files: Path
) -> AnswerSettings:
    """A source's answer settings.

    Args:
        params: `prompting` (a section of the config) and `seed` (the study's).
        files: `work`, `quarantine`, `usage` of `generation.Answering`.
    """
    return AnswerSettings(
        who=name,
        sampling=source.sampling,
        batch_size=source.batch_size,
        max_prompt_tokens=params["prompting"]["max_prompt_tokens"],
        max_error_share=source.max_error_share,
        study_seed=params["seed"],
        quality=source.quality,
        **files,
    )


def engine_of(
    name: str,
    source: Source,
    params: Mapping[str, Any],
    *,
    model: str | None,
    threads: int,
    gpus: int,
    share_of_cap: float,
) -> Engine:
    """A source's engine, loaded or connected.

    Args:
        params: `prompting` and `precision` from the config.
        model: folder of the model; null for an engine that runs none of `models`.
        gpus: GPUs of the job.
        share_of_cap: share of the source's spending cap that this job may use.
    """
    opening = Opening(
        name=source.model or name,
        folder=Path(model) if model else None,
        prompting=ModelPrompting(**params["prompting"]),
        sampling=source.sampling,
        precision=params["precision"],
        threads=threads,
        gpus=gpus,
        share_of_cap=share_of_cap,
    )
    return open_engine(source.engine, opening)


def largest_failed_share(operations: Mapping[str, Any]) -> float:
    """Share of a source's rows that may lack an answer, for either reason."""
    return operations["max_error_share"] + operations["quality"]["max_failed_share"]
