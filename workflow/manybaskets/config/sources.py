"""The sections of a study's configuration. Every field has a description; units stand in it."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, model_validator

from manybaskets.config.engine_kinds import SourceEngine, check_model
from manybaskets.config.engines import Pilot, Quality, TransformersSettings
from manybaskets.config.sampling import Sampling
from manybaskets.config.sections import Name, Section, Share


class Source(Section):
    """Who answers the training prompts. The source `human` exists without being listed."""

    operational: ClassVar = frozenset({"shards", "pilot", "max_error_share"})
    model: Name | None = Field(
        None, description="Name of an entry of `models`; engines `openai` and `replay` take none."
    )
    engine: SourceEngine = Field(
        default_factory=TransformersSettings,
        description="How the model is run: the name of an engine, or its section with `kind`.",
    )
    shards: int = Field(1, ge=1, description="Fixed number of shards; each is one job.")
    batch_size: int = Field(
        32, ge=1, description="Prompts per batch of engine `transformers`; others batch themselves."
    )
    sampling: Sampling = Field(default_factory=Sampling, description="How answers are drawn.")
    pilot: Pilot = Field(default_factory=Pilot, description="The trial before the first shard.")
    quality: Quality = Field(default_factory=Quality, description="When an answer is taken.")
    max_error_share: Share = Field(
        0.001, description="Share of rows that the engine failed on, above which the source fails."
    )

    @model_validator(mode="after")
    def _model_fits_engine(self) -> Source:
        check_model(self.engine, self.model)
        return self
