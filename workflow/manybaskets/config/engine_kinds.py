"""Base class of engine sections, and the registry of engines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import SerializeAsAny

from manybaskets.config.kinds import Kinds, kind_of
from manybaskets.config.models import Prompting
from manybaskets.config.sampling import Sampling
from manybaskets.config.sections import Section
from manybaskets.registry import Registry


@dataclass(frozen=True)
class Opening:
    """Arguments for opening an engine in a job.

    Args:
        name: name of the model in errors.
        folder: the model's folder; None for an engine without an entry of `models`.
        prompting: how prompts are rendered.
        sampling: how answers are sampled; with `prompting` it determines the longest sequence.
        precision: number format of the weights if the engine does not set one.
        threads: CPU threads.
        gpus: GPUs of the job.
        share_of_cap: share of the engine's spending cap that this job may use.
    """

    name: str
    folder: Path | None
    prompting: Prompting
    sampling: Sampling
    precision: str
    threads: int = 1
    gpus: int = 0
    share_of_cap: float = 1.0

    @property
    def longest(self) -> int:
        """Tokens of the longest prompt with its answer."""
        return self.prompting.max_prompt_tokens + self.sampling.max_new_tokens


class EngineSettings(Section):
    """Base of all engines' sections. An engine is one subclass with the decorator `@engine`.

    The subclass has a key `kind` of type `Literal["its name"]`, and the keys that users may set.
    """

    # Conda environment of the jobs that open it: a file in `envs/`, or an absolute path.
    environment: ClassVar[str]
    # It runs an entry of `models`, whose folder is passed to `open`.
    runs_model: ClassVar[bool] = True
    # Its jobs request GPUs if the model is too large for a CPU.
    needs_gpu: ClassVar[bool] = True
    # Its jobs need the network: a server answers, whose `base_url` and `model` are in the engine's
    # identity.
    remote: ClassVar[bool] = False
    # It answers prompts row by row; an engine for ready answers does not.
    generates: ClassVar[bool] = True
    # It supports LoRA adapters, so that it can run targets.
    takes_adapters: ClassVar[bool] = False
    # It implements `score` and `read`, so that a judge's preference can be read.
    reads_probabilities: ClassVar[bool] = False
    # `read` returns all logits, so that temperature and top-p can be applied to them.
    reads_logits: ClassVar[bool] = False
    # `generate` can constrain answers to a JSON schema.
    takes_form: ClassVar[bool] = False
    # Seconds before the first token without loading, and tokens per second times billions of
    # parameters, on one GPU; None if not measured: the plan shows the time as unknown until a job
    # has run.
    speed: ClassVar[tuple[float, float] | None] = None

    def open(self, opening: Opening) -> Any:
        """Load the engine's model, or connect to it. Import heavy packages inside this method.

        Returns:
            An `engines.base.Engine`; a `LocalEngine` if it takes adapters or reads probabilities.
        """
        raise NotImplementedError

    def weights_format(self, precision: str) -> str:
        """Number format of the weights in memory, given the study's `precision`."""
        return precision

    def gpus_given(self) -> int:
        """GPUs set in the section; 0 for as many as the model needs."""
        return 0

    def concurrent_rows(self) -> int | None:
        """Rows answered at the same time; None for batches of size `batch_size`."""
        return None

    def longest_sequence(self) -> int | None:
        """Maximum tokens of prompt plus answer in this section; None for no limit."""
        return None

    def variables(self) -> list[str]:
        """Environment variables that its jobs need."""
        return []

    def context_of_server(self) -> int | None:
        """Maximum tokens of prompt plus answer on the server, as the section states it; None if it
        is not stated, or for a local engine."""
        return None

    def remote_model(self) -> str | None:
        """The server's name for the model; None for a local engine."""
        return None

    def price(self, tokens_in: float, tokens_out: float) -> float | None:
        """Price of tokens in USD; None for a free engine."""
        return None

    def cap(self) -> float | None:
        """Spending cap in USD; None for no cap."""
        return None


ENGINES: Registry[type[EngineSettings]] = Registry("engine")
_Settings = TypeVar("_Settings", bound=type[EngineSettings])


def engine(settings: _Settings) -> _Settings:
    """Register a section class as an engine, named by its key `kind`."""
    ENGINES.add(kind_of(settings), settings)
    return settings


def check_model(settings: EngineSettings, model: str | None) -> None:
    """Check that an engine has a model if and only if it runs one.

    Raises:
        ValueError: it has a model but runs none, or vice versa.
    """
    if settings.runs_model and not model:
        raise ValueError(f"model: engine '{settings.kind}' needs an entry of `models`")
    if model and not settings.runs_model:
        raise ValueError(
            f"model: remove this key, because engine '{settings.kind}' runs no entry of `models`"
        )


SourceEngine = Annotated[SerializeAsAny[EngineSettings], Kinds(ENGINES, short=True)]
TargetEngine = Annotated[
    SerializeAsAny[EngineSettings],
    Kinds(
        ENGINES,
        short=True,
        usable=lambda settings: settings.takes_adapters,
        purpose="run adapters, which targets need",
    ),
]
AskedEngine = Annotated[
    SerializeAsAny[EngineSettings],
    Kinds(
        ENGINES,
        short=True,
        usable=lambda settings: settings.generates,
        purpose="be asked",
    ),
]
ReadingEngine = Annotated[
    SerializeAsAny[EngineSettings],
    Kinds(
        ENGINES,
        short=True,
        usable=lambda settings: settings.takes_adapters and settings.reads_probabilities,
        purpose="read preferences of runs",
    ),
]
