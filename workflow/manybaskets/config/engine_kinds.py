"""What every engine tells the workflow about itself, and the registry of engines."""

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
    """What a job gives the engine that it opens.

    Args:
        name: how errors call the model.
        folder: the model's folder; None for an engine that runs no entry of `models`.
        prompting: how prompts are rendered.
        sampling: how answers are drawn; with `prompting` it gives the longest sequence.
        precision: number format of the weights where the engine's settings name none.
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
    # It runs an entry of `models`, whose folder `open` gets.
    runs_model: ClassVar[bool] = True
    # Its jobs ask for GPUs where the model is too large for a CPU.
    needs_gpu: ClassVar[bool] = True
    # Its jobs need the network: a server answers, whose `base_url` and `model` are in the engine's
    # identity.
    remote: ClassVar[bool] = False
    # It answers prompts row by row; an engine of ready answers does not.
    generates: ClassVar[bool] = True
    # It answers with LoRA adapters, so that targets can be run with it.
    takes_adapters: ClassVar[bool] = False
    # It implements `score` and `read`: a judge's preference can be read from it.
    reads_probabilities: ClassVar[bool] = False
    # `read` gives all logits, so that temperature and top-p can be applied to them.
    reads_logits: ClassVar[bool] = False
    # `generate` can hold answers to a JSON schema.
    takes_form: ClassVar[bool] = False
    # Seconds before the first token without loading, and tokens per second times billions of weights,
    # on one GPU; None where nobody has measured it: the plan calls the time unknown until a job ran.
    speed: ClassVar[tuple[float, float] | None] = None

    def open(self, opening: Opening) -> Any:
        """The engine: its model loaded, or a connection to it. Import heavy packages in here.

        Returns:
            An `engines.base.Engine`; a `LocalEngine` if it takes adapters or reads probabilities.
        """
        raise NotImplementedError

    def weights_format(self, precision: str) -> str:
        """Number format of the weights in memory where the study's is `precision`."""
        return precision

    def gpus_given(self) -> int:
        """GPUs that the section names; 0 for as many as the model needs."""
        return 0

    def concurrent_rows(self) -> int | None:
        """Rows that are answered at the same time; None for batches of the key `batch_size`."""
        return None

    def longest_sequence(self) -> int | None:
        """Longest prompt with answer that the section allows, in tokens; None for no limit."""
        return None

    def remote_model(self) -> str | None:
        """What a server calls the model; None for an engine that is not remote."""
        return None

    def price(self, tokens_in: float, tokens_out: float) -> float | None:
        """USD for tokens; None where nothing is paid."""
        return None

    def cap(self) -> float | None:
        """USD that may be spent; None for no cap."""
        return None


ENGINES: Registry[type[EngineSettings]] = Registry("engine")
_Settings = TypeVar("_Settings", bound=type[EngineSettings])


def engine(settings: _Settings) -> _Settings:
    """Register a section class as an engine, under the name that its key `kind` has."""
    ENGINES.add(kind_of(settings), settings)
    return settings


def check_model(settings: EngineSettings, model: str | None) -> None:
    """Check that an engine has a model exactly if it runs one.

    Raises:
        ValueError: it has one and runs none, or the other way round.
    """
    if settings.runs_model and not model:
        raise ValueError(f"model: engine '{settings.kind}' needs an entry of `models`")
    if model and not settings.runs_model:
        raise ValueError(
            f"model: engine '{settings.kind}' runs none of `models`; leave the key out"
        )


SourceEngine = Annotated[SerializeAsAny[EngineSettings], Kinds(ENGINES, short=True)]
TargetEngine = Annotated[
    SerializeAsAny[EngineSettings],
    Kinds(
        ENGINES,
        short=True,
        usable=lambda settings: settings.takes_adapters,
        purpose="answer with adapters, as targets must",
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
        purpose="read the preference of runs",
    ),
]
