"""Config section `sampling`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from manybaskets.config.sections import Section

NUCLEUS = "Nucleus sampling: total probability of the most likely tokens to sample from."
LEFT_OUT = "Null to leave it out of requests to a server that refuses it."


class Sampling(Section):
    """How answers are sampled.

    Engine defaults are never used: a parameter that is not listed here is off.
    """

    temperature: float | None = Field(
        0.7, ge=0.0, le=2.0, description=f"Softmax temperature; 0 for greedy decoding. {LEFT_OUT}"
    )
    top_p: float | None = Field(0.9, gt=0.0, le=1.0, description=f"{NUCLEUS} {LEFT_OUT}")
    max_new_tokens: int = Field(1024, ge=1, description="Longest answer, in tokens.")

    def sent(self) -> dict[str, Any]:
        """The parameters of a request to a server, without those that are left out."""
        given = {"temperature": self.temperature, "top_p": self.top_p}
        return {name: value for name, value in given.items() if value is not None}


def check_sampling(sampling: Sampling, remote: bool) -> None:
    """Check that an engine has what it needs to sample.

    Raises:
        ValueError: a parameter is left out, and no server has a value of its own for it.
    """
    for name in ("temperature", "top_p"):
        if getattr(sampling, name) is None and not remote:
            raise ValueError(
                f"sampling.{name}: null leaves it out of requests to a server; this engine runs a "
                "model itself and needs a number"
            )


def _of_a_model(sampling: Sampling) -> Sampling:
    check_sampling(sampling, remote=False)
    return sampling


# Sampling of an engine that runs a model itself.
LocalSampling = Annotated[Sampling, AfterValidator(_of_a_model)]
