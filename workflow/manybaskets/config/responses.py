"""Config section `responses`: how runs answer the prompt sets."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from manybaskets.config.engine_kinds import TargetEngine
from manybaskets.config.engines import TransformersSettings
from manybaskets.config.sampling import Sampling
from manybaskets.config.sections import Section, Share


class Responses(Section):
    """How runs, and the untuned targets, answer the prompt sets."""

    renamed: ClassVar = {"share_model_load": "one_load"}
    operational: ClassVar = frozenset({"max_error_share", "max_empty_share", "share_model_load"})
    engine: TargetEngine = Field(
        default_factory=TransformersSettings,
        description="How targets are run: the name of an engine, or its section with `kind`.",
    )
    sampling: Sampling = Field(default_factory=Sampling, description="How answers are drawn.")
    samples: int = Field(1, ge=1, description="Answers per prompt.")
    batch_size: int = Field(
        32, ge=1, description="Prompts per batch of engine `transformers`; vLLM batches itself."
    )
    max_error_share: Share = Field(
        0.01, description="Share of failed rows above which the stage fails."
    )
    max_empty_share: Share = Field(
        0.01,
        description="Share of empty answers of a run above which nothing is measured.",
    )
    share_model_load: Literal["run", "target"] = Field(
        "run",
        description="What one load of a target's weights answers and scores: one `run`, in a job of its "
        "own, or all runs of the `target` one after the other in one job, adapters swapped. The results "
        "are the same. `run` spreads over many GPUs, `target` saves loads where these take long beside "
        "the work.",
    )
