"""How a model is run: one interface for every engine."""

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
    """One answer to be drawn.

    `messages` is the conversation up to the question; `ids` are its tokens with the header of the
    answer where the engine renders prompts itself, else empty; `seed` is the row's own.
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

    `completion_tokens` counts the end token. `prompt_tokens` is null where only the request knows.
    `served` is what a server calls the model that answered.
    """

    text: str | None
    finish_reason: str
    completion_tokens: int | None
    prompt_tokens: int | None = None
    error: str | None = None
    served: str | None = None


@dataclass(frozen=True)
class Question:
    """What the next token after `ids` may be: `wanted` are the tokens of interest.

    With `sampling` their probabilities after its temperature and top-p are wanted as well.
    """

    ids: tuple[int, ...]
    wanted: tuple[int, ...]
    sampling: Sampling | None = None


@dataclass(frozen=True)
class Reading:
    """What a model says to a `Question`: the logits of the wanted tokens (temperature 1), the
    logarithm of the sum of all tokens' exponentials, and where asked for the warped probabilities.

    An engine that knows log-probabilities only gives these as logits, with a `log_total` of 0.
    """

    logits: list[float]
    log_total: float
    warped: list[float] | None = None


class Engine:
    """A model that answers.

    `identity` holds all that determines its answers in addition to prompt, seed and sampling, with its
    kind as `engine`. With `fixed_batches`, rounding makes a row depend on the other rows of its batch,
    so that batches must have a fixed composition. `gpus` is the number of GPUs that share the model, 0
    if it is not shared. With `takes_form`, `generate` takes a JSON schema, `form`, that answers then
    follow. `discreet` keeps what others said, which may quote a prompt, out of errors.
    """

    identity: Mapping[str, Any]
    fixed_batches = False
    gpus = 0
    takes_form = False
    discreet = False

    def render(self, prompt: Prompt, answers: Sequence[str], max_tokens: int) -> Rendered:
        """The conversation with the engine's own earlier `answers`, up to the next question.

        Unless an engine renders prompts itself, this is the conversation as it is: nothing is
        shortened.
        """
        turns = prompt.conversation(answers)
        messages = tuple((turn["role"], turn["content"]) for turn in turns)
        return Rendered(messages, (), len(prompt.context), False)

    def generate(
        self, requests: Sequence[Request], sampling: Sampling
    ) -> Iterator[tuple[Request, Completion]]:
        """Answer requests; each comes as soon as it is finished."""
        raise NotImplementedError

    def recall(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Learn of the rows that earlier jobs finished: an engine that pays adds up what they cost."""


class LocalEngine(Engine):
    """An engine with the weights at hand: it renders prompts itself, takes adapters and may score.

    `probes` tells adapters apart by what the model makes of a fixed text.
    """

    renderer: ChatRenderer
    context: int | None = None  # longest sequence, in tokens; null for no end
    probes: Probes

    def render(self, prompt: Prompt, answers: Sequence[str], max_tokens: int) -> Rendered:
        return self.renderer.render(prompt, max_tokens, answers)

    def load(self) -> None:
        """Load the weights now and not at the first request, so that it counts as no request's time,
        and see that the adapter in use is at work.

        Raises:
            UserError: it changes nothing, or acts as another one does.
        """
        raise NotImplementedError

    def use_adapter(self, folder: Path | None) -> None:
        """Answer and score with this LoRA adapter from now on, or with the base model."""
        raise NotImplementedError

    def release_adapters(self) -> None:
        """Give back the memory of all adapters but the one in use."""

    def probe(self) -> list[float]:
        """Log-probabilities of a fixed text, which tell the adapter in use from others."""
        ids = self.renderer.encode_prompt(QUESTION)[-TOKENS:]
        return self.score([(ids[:1], ids[1:])])[0]

    def score(self, pairs: Sequence[tuple[tuple[int, ...], tuple[int, ...]]]) -> list[list[float]]:
        """Log-probabilities (nats) of each answer's tokens after its prompt, for one batch."""
        raise NotImplementedError

    def read(self, questions: Sequence[Question], batch_tokens: int) -> list[Reading]:
        """The next token's logits after every question, by one forward pass and no draw.

        Args:
            batch_tokens: tokens per batch, padding included.

        Raises:
            UserError: the model's logits are no numbers; the engine cannot give what is wanted.
        """
        raise NotImplementedError
