"""Config section `sampling`."""

from __future__ import annotations

from pydantic import Field

from manybaskets.config.sections import Section


class Sampling(Section):
    """How answers are sampled.

    Engine defaults are never used: a parameter that is not listed here is off.
    """

    temperature: float = Field(
        0.7, ge=0.0, le=2.0, description="Softmax temperature; 0 for greedy decoding."
    )
    top_p: float = Field(
        0.9,
        gt=0.0,
        le=1.0,
        description="Nucleus sampling: total probability of the most likely tokens to sample from.",
    )
    max_new_tokens: int = Field(1024, ge=1, description="Longest answer, in tokens.")
