"""Config section `sources`."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, model_validator

from manybaskets.config.engine_kinds import SourceEngine, check_model
from manybaskets.config.engines import Pilot, Quality, TransformersSettings
from manybaskets.config.sampling import Sampling, check_sampling
from manybaskets.config.sections import Name, Section, Share


class Source(Section):
    """Who answers the training prompts. The source `human` exists without being listed."""

    operational: ClassVar = frozenset({"shards", "pilot", "max_error_share", "planted", "family"})
    model: Name | None = Field(
        None,
        description="Entry of `models`; not for engines that run no model of the study (`openai`, "
        "`replay`).",
    )
    engine: SourceEngine = Field(
        default_factory=TransformersSettings,
        description="Engine that runs the model: its name, or a section with `kind`.",
    )
    shards: int = Field(1, ge=1, description="Number of shards. Each shard is one job.")
    batch_size: int = Field(
        32,
        ge=1,
        description="Prompts per batch with engine `transformers`; other engines batch by themselves.",
    )
    sampling: Sampling = Field(default_factory=Sampling, description="How answers are sampled.")
    pilot: Pilot = Field(
        default_factory=Pilot, description="Pilot that runs before the first shard."
    )
    quality: Quality = Field(
        default_factory=Quality, description="Requirements that an answer must meet."
    )
    max_error_share: Share = Field(
        0.001,
        description="Largest share of rows for which the engine may fail. Above it the source fails.",
    )

    planted: bool = Field(
        False,
        exclude_if=lambda planted: not planted,
        description="Whether the answers are made up for the study, such as refusals that an experiment "
        "must find. A mix of them and the answers of one model is not a mix of several models.",
    )

    family: str | None = Field(
        None,
        exclude_if=lambda family: family is None,
        description="Model family of who answers, such as `llama`, for judges and scorers of the same "
        "family. Null for that of `model`, or of the name of a served model or of the source.",
    )

    @model_validator(mode="after")
    def _model_fits_engine(self) -> Source:
        check_model(self.engine, self.model)
        check_sampling(self.sampling, self.engine.remote or not self.engine.generates)
        context = self.engine.context_of_server()
        if context is not None and context <= self.sampling.max_new_tokens:
            raise ValueError(
                f"engine.context_tokens = {context}: answers of sampling.max_new_tokens = "
                f"{self.sampling.max_new_tokens} leave no room for a prompt; lower that key"
            )
        return self
