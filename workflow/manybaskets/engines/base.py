"""The common interface of all engines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from manybaskets.chat import ChatRenderer, Prompt, Rendered
from manybaskets.config.sampling import Sampling
from manybaskets.engines.adapter_probe import QUESTION, TOKENS, Probes

WITHHELD = "the server's content filter withheld the answer"


@dataclass(frozen=True)
class Request:
    """A request for one answer.

    `messages` is the conversation up to the question; `ids` are its tokens including the answer
    header if the engine renders prompts itself, otherwise empty; `seed` is the row's seed.
    """

    prompt_id: str
    sample: int
    turn: int
    attempt: int
    seed: int
    messages: tuple[tuple[str, str], ...]
    ids: tuple[int, ...] = ()


@dataclass(frozen=True)
class Completion:
    """An answer. `finish_reason` is `stop`, `length` or `error`; an error has a message and no text.

    `completion_tokens` includes the end token. `prompt_tokens` is null if only the request knows.
    `served` is the model name reported by a server.
    """

    text: str | None
    finish_reason: str
    completion_tokens: int | None
    prompt_tokens: int | None = None
    error: str | None = None
    served: str | None = None


@dataclass(frozen=True)
class Question:
    """A question about the next token after `ids`; `wanted` are the tokens of interest.

    With `sampling`, their probabilities after its temperature and top-p are also requested.
    """

    ids: tuple[int, ...]
    wanted: tuple[int, ...]
    sampling: Sampling | None = None


@dataclass(frozen=True)
class Reading:
    """A model's answer to a `Question`: the logits of the wanted tokens (temperature 1), the
    log-sum-exp over all tokens, and, if requested, the warped probabilities.

    An engine with only log-probabilities returns these as logits, with a `log_total` of 0.
    """

    logits: list[float]
    log_total: float
    warped: list[float] | None = None


class Engine:
    """A model that answers.

    `identity` contains everything that determines its answers in addition to prompt, seed and
    sampling, with its kind as `engine`. With `fixed_batches`, rounding makes a row depend on the
    other rows of its batch, so batches must have a fixed composition. `gpus` is the number of GPUs
    that share the model, 0 if it is not shared. With `takes_form`, `generate` accepts a JSON
    schema, `form`, for the answers. `discreet` keeps server messages, which may quote a prompt, out
    of errors.
    """

    identity: Mapping[str, Any]
    fixed_batches = False
    gpus = 0
    takes_form = False
    discreet = False

    def render(self, prompt: Prompt, answers: Sequence[str], max_tokens: int) -> Rendered:
        """The conversation with the engine's own earlier `answers`, up to the next question.

        Unless an engine renders prompts itself, this is the unchanged conversation: nothing is
        shortened.
        """
        turns = prompt.conversation(answers)
        messages = tuple((turn["role"], turn["content"]) for turn in turns)
        return Rendered(messages, (), len(prompt.context), False)

    def generate(
        self, requests: Sequence[Request], sampling: Sampling
    ) -> Iterator[tuple[Request, Completion]]:
        """Answer requests; yield each answer as soon as it is finished."""
        raise NotImplementedError

    def recall(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Register rows finished by earlier jobs: a paid engine adds up their costs."""


class LocalEngine(Engine):
    """An engine with local weights: it renders prompts itself, supports adapters and may score.

    `probes` distinguishes adapters by the log-probabilities of a fixed text.
    """

    renderer: ChatRenderer
    context: int | None = None  # longest sequence in tokens; null for no limit
    probes: Probes

    def render(self, prompt: Prompt, answers: Sequence[str], max_tokens: int) -> Rendered:
        return self.renderer.render(prompt, max_tokens, answers)

    def load(self) -> None:
        """Load the weights now instead of at the first request, so that loading is not counted as
        generation time, and check that the adapter in use is active.

        Raises:
            UserError: it has no effect, or acts like another adapter.
        """
        raise NotImplementedError

    def use_adapter(self, folder: Path | None) -> None:
        """Use this LoRA adapter, or the base model, for all further answers and scores."""
        raise NotImplementedError

    def release_adapters(self) -> None:
        """Free the memory of all adapters except the one in use."""

    def probe(self) -> list[float]:
        """Log-probabilities of a fixed text, which identify the adapter in use."""
        ids = self.renderer.encode_prompt(QUESTION)[-TOKENS:]
        return self.score([(ids[:1], ids[1:])])[0]

    def score(self, pairs: Sequence[tuple[tuple[int, ...], tuple[int, ...]]]) -> list[list[float]]:
        """Log-probabilities (nats) of each answer's tokens after its prompt, for one batch."""
        raise NotImplementedError

    def read(self, questions: Sequence[Question], batch_tokens: int) -> list[Reading]:
        """The next token's logits after every question, from one forward pass without sampling.

        Args:
            batch_tokens: tokens per batch, padding included.

        Raises:
            UserError: the model's logits are not finite, or the engine does not support the
                question.
        """
        raise NotImplementedError
