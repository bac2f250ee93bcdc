"""What a machine offers, and what each kind of job asks of it: GPUs, memory, time, partition.

Everything a site has to say of itself stands in one file (`slurm/machine.yaml`); rules name a class
of job and a model, and get numbers that grow with the model's size and with the attempt.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import Field, ValidationError

from manybaskets.config import loading
from manybaskets.config.sections import Section
from manybaskets.errors import UserError

_BYTES = {"float32": 4.0, "bfloat16": 2.0, "fp8": 1.0}
# Of a GPU's memory, what weights may take, so that activations and caches have room.
_ROOM_TO_RUN, _ROOM_TO_TRAIN = 0.75, 0.6
# The time limits of rules are made for a model of this size on each GPU.
_USUAL_BILLIONS = 8.0
_GIB = 2.0**30
BASE_MB = 4000  # main memory of a job with a model, without the weights


class Gpu(Section):
    """The GPUs of the cluster, and how they are asked for."""

    request: Literal["gpu", "gres"] = Field(
        "gpu", description="`gpu` asks with --gpus=MODEL:N, `gres` with --gres=gpu:MODEL:N."
    )
    model: str | None = Field(None, description="Name of the GPU model in SLURM; null for any.")
    memory_gib: float = Field(80.0, gt=0, description="Memory of one GPU, in GiB.")
    cpus: int = Field(8, ge=1, description="CPU cores asked for with each GPU.")
    memory_mb: int = Field(
        60_000, ge=400, description="Minimum main memory requested with each GPU, in MB."
    )
    per_node: int = Field(4, ge=1, description="GPUs of one node; no job asks for more.")
    from_billions: float = Field(
        0.1, ge=0, description="Models of fewer weights (in billions) run on CPU cores."
    )


class JobClass(Section):
    """Where jobs of a class run."""

    partition: str | None = Field(None, description="SLURM partition; null for the default one.")
    time_factor: float = Field(
        1.0, gt=0, description="Factor on all time limits of the class, for a slower machine."
    )


class Machine(Section):
    """A cluster: its account, its partitions, its GPUs."""

    account: str | None = Field(None, description="Account to charge (`sbatch -A`); null for none.")
    max_runtime: int = Field(
        7200, ge=1, description="Longest time limit that the partitions allow, in minutes."
    )
    max_memory_mb: int | None = Field(
        None,
        ge=400,
        description="Memory of the largest node, in MB; no try of a job asks for more.",
    )
    growth: float = Field(
        1.5, ge=1.0, description="Factor on memory and time of every further attempt."
    )
    gpu: Gpu | None = Field(default_factory=Gpu, description="The GPUs; null for none.")
    light: JobClass = Field(default_factory=JobClass, description="Jobs of a core and few GB.")
    compute: JobClass = Field(default_factory=JobClass, description="CPU jobs with a model.")
    network: JobClass = Field(
        default_factory=JobClass,
        description="Jobs that ask a server; their nodes have to reach it.",
    )
    accelerated: JobClass = Field(default_factory=JobClass, description="Jobs with GPUs.")

    def memory_mb(self, amount: int, attempt: int) -> int:
        """An amount of memory (MB) for an attempt, from 1; never above that of the largest node."""
        grown = math.ceil(amount * self.growth ** (attempt - 1))
        return min(grown, self.max_memory_mb or grown)

    def minutes(self, amount: int, attempt: int, kind: JobClass) -> int:
        """A time limit for an attempt, never above what the partitions allow."""
        grown = amount * kind.time_factor * self.growth ** (attempt - 1)
        return min(math.ceil(grown), self.max_runtime)


def read_machine(path: Path) -> Machine:
    """Read and check the description of a machine.

    Raises:
        UserError: the file is missing, is no YAML, or holds mistakes.
    """
    settings = loading.read_yaml(path)
    try:
        return Machine.model_validate(settings)
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(
            what=first["msg"],
            where=f"{path}: {'.'.join(map(str, first['loc']))}",
            expected="the keys that the file's own comments explain",
            remedy="correct this key; the file in the repository is an example that works",
        ) from None


class ResourceRequest(NamedTuple):
    """What a job with a model asks for: GPUs, main memory in MB, how slow the model makes it, and
    whether it needs the network (1 or 0)."""

    gpus: int
    memory_mb: int
    slowness: float
    network: int = 0

    def minutes(self, base: int) -> int:
        """Time limit where a model of 8 billion weights on one GPU, or a small one, gets `base`."""
        return math.ceil(base * self.slowness)


class ModelNeeds:
    """What jobs with a model ask for on one machine, by the model's size.

    Args:
        machine: the machine's description.
        parameters: number of weights of every model of the study; None for one that needs no GPU.
    """

    def __init__(self, machine: Machine, parameters: Mapping[str, float | None]) -> None:
        self.machine = machine
        self.parameters = parameters

    def gpus(self, model: str, precision: str, *, training: bool = False, given: int = 0) -> int:
        """GPUs of a job with a model: the given number, or as many as its weights need.

        A power of two, since attention heads have to be shared out evenly.

        Raises:
            UserError: one node has not that many.
        """
        gpu, size = self.machine.gpu, self.parameters[model]
        if gpu is None or size is None or size < gpu.from_billions * 1e9:
            return 0
        room = gpu.memory_gib * _GIB * (_ROOM_TO_TRAIN if training else _ROOM_TO_RUN)
        fitting = 2 ** max(0, math.ceil(math.log2(size * _BYTES[precision] / room)))
        wanted = max(given, 0 if given else fitting)
        if wanted > gpu.per_node:
            raise UserError(
                what=f"model '{model}' needs {wanted} GPUs of {gpu.memory_gib:g} GiB",
                where="slurm/machine.yaml: gpu",
                expected=f"at most {gpu.per_node}, those of one node (gpu.per_node)",
                remedy="name a larger GPU or node, quantise the model, or ask it over the network "
                "(engine openai)",
            )
        return wanted

    def holds(self, model: str, precision: str) -> bool:
        """Whether one GPU holds a model in training; without GPUs nothing has to be shared out."""
        gpu, size = self.machine.gpu, self.parameters[model]
        if gpu is None or size is None or size < gpu.from_billions * 1e9:
            return True
        return size * _BYTES[precision] <= gpu.memory_gib * _GIB * _ROOM_TO_TRAIN

    def request(
        self,
        model: str,
        precision: str,
        *,
        training: bool = False,
        given: int = 0,
        on_gpu: bool = True,
    ) -> ResourceRequest:
        """All that a job with a model asks for.

        Args:
            given: number of GPUs that the config names; 0 for as many as the weights need.
            on_gpu: whether what runs the model can use GPUs.

        Raises:
            UserError: as `gpus`.
        """
        gpus = self.gpus(model, precision, training=training, given=given) if on_gpu else 0
        billions = (self.parameters[model] or 0.0) / 1e9
        slowness = max(1.0, billions / (_USUAL_BILLIONS * max(1, gpus)))
        return ResourceRequest(gpus, self.memory_mb(model, precision, gpus), slowness)

    def conversion_mb(self, model: str) -> int:
        """Main memory of a conversion, in MB: the weights as read and as written, in float32."""
        return BASE_MB + math.ceil(2.4 * _BYTES["float32"] * (self.parameters[model] or 0.0) / 1e6)

    def memory_mb(self, model: str, precision: str, gpus: int) -> int:
        """Main memory in MB: that of any job, and the weights, which pass through it once."""
        size = self.parameters[model]
        weights = 0.0 if size is None else size * _BYTES[precision] / 1e6
        least = gpus * self.machine.gpu.memory_mb if gpus and self.machine.gpu else 0
        return max(BASE_MB + math.ceil(1.2 * weights), least)
