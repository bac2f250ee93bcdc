"""Measures from token likelihoods, which the scoring stage computes."""

from __future__ import annotations

from manybaskets.measures.inputs import Inputs
from manybaskets.measures.registry import measure


@measure(
    label="Perplexity of human answers",
    unit="nats per token",
    direction="lower",
    level="prompt",
    needs=("reference", "likelihood"),
    transform="exp",
    prompt_sets=("test",),
)
def human_nll(inputs: Inputs) -> list[float | None]:
    """Mean negative log-likelihood, per token, of the human answer under the run; lower is closer.

    −(1/T) Σ_t log p(token_t | prompt, tokens before), the end token included, in nats. The mean
    over prompts is the logarithm of the geometric-mean perplexity, and tables show its exponential:
    an arithmetic mean of perplexities would be ruled by single rows. Nothing is trimmed.
    Source: Schaffelder & Gatt 2026, section on distribution shift.
    """
    return inputs.aligned(inputs.likelihood, "reference_nll")


@measure(
    label="Perplexity of own answers",
    unit="nats per token",
    direction="none",
    level="prompt",
    needs=("responses", "likelihood"),
    transform="exp",
)
def own_nll(inputs: Inputs) -> list[float | None]:
    """Mean negative log-likelihood, per token, of the run's own answer under the untuned target.

    −(1/T) Σ_t log p(token_t | prompt, tokens before), in nats; lower means that answers gather
    where the target was dense already. Tables show the exponential, a geometric-mean perplexity.
    Source: Schaffelder & Gatt 2026, section on output concentration.
    """
    return inputs.aligned(inputs.likelihood, "own_nll")
