"""Config section `responses`: how runs answer the prompt sets."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from manybaskets.config.engine_kinds import TargetEngine
from manybaskets.config.engines import TransformersSettings
from manybaskets.config.sampling import LocalSampling, Sampling
from manybaskets.config.sections import Section, Share


class Responses(Section):
    """How runs and untuned targets answer the prompt sets."""

    renamed: ClassVar = {"share_model_load": "one_load"}
    operational: ClassVar = frozenset({"max_error_share", "max_empty_share", "share_model_load"})
    engine: TargetEngine = Field(
        default_factory=TransformersSettings,
        description="Engine that runs the targets: its name, or a section with `kind`.",
    )
    sampling: LocalSampling = Field(
        default_factory=Sampling, description="How answers are sampled."
    )
    samples: int = Field(1, ge=1, description="Number of answers per prompt.")
    batch_size: int = Field(
        32,
        ge=1,
        description="Prompts per batch with engine `transformers`; other engines batch by themselves.",
    )
    max_error_share: Share = Field(
        0.01, description="Largest share of failed rows. Above it the stage fails."
    )
    max_empty_share: Share = Field(
        0.01,
        description="Largest share of empty answers of a run, rounded up to whole answers. Above it nothing is "
        "measured.",
    )
    share_model_load: Literal["run", "target"] = Field(
        "run",
        description="What one load of a target's weights is used for: one `run` per job, or all runs of a "
        "`target` in one job that swaps the adapters. Results are the same. `run` uses many "
        "GPUs in parallel; `target` is faster when loading dominates.",
    )
