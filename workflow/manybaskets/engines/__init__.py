"""How a model is run: one interface for every engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from manybaskets.chat import ChatRenderer
from manybaskets.config.parts import Sampling


@dataclass(frozen=True)
class Request:
    """One answer to be drawn: token ids of the prompt and the row's own seed."""

    prompt_id: str
    sample: int
    ids: tuple[int, ...]
    seed: int


@dataclass(frozen=True)
class Completion:
    """An answer: its text, why it ended (`stop`, `length`), its tokens with the end token."""

    text: str
    finish_reason: str
    completion_tokens: int


class Engine(Protocol):
    """A loaded model. `identity` is all that determines its answers beside prompt and sampling."""

    renderer: ChatRenderer
    identity: Mapping[str, Any]

    def use_adapter(self, folder: Path | None) -> None:
        """Answer and score with this LoRA adapter from now on, or with the base model."""

    def generate(self, batch: Sequence[Request], sampling: Sampling) -> list[Completion]:
        """Answer the requests of one batch, in their order."""

    def score(self, pairs: Sequence[tuple[tuple[int, ...], tuple[int, ...]]]) -> list[list[float]]:
        """Log-probabilities (nats) of each answer's tokens after its prompt, for one batch."""
