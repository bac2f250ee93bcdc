"""How many answers were cut short: where many were, their length says little."""

from __future__ import annotations

from manybaskets.measures.inputs import Inputs
from manybaskets.measures.registry import measure


@measure(label="Answers at the token limit", unit="share", direction="none", level="prompt")
def truncated(inputs: Inputs) -> list[float | None]:
    """1 where the answer ended at the token limit and not by itself, else 0 (`finish_reason`)."""
    return [float(reason == "length") for reason in inputs.frame["finish_reason"]]
