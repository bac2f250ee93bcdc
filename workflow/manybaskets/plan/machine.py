"""A machine's resources, and the resources requested by each kind of job.

A site is described in one file (`slurm/machine.yaml`); rules name a class of job and a model, and
get numbers that grow with the model's size and the attempt.
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
# Share of a GPU's memory for weights, which leaves room for activations and caches.
_ROOM_TO_RUN, _ROOM_TO_TRAIN = 0.75, 0.6
# The time limits of rules are for a model of this size on each GPU.
_USUAL_BILLIONS = 8.0
_GIB = 2.0**30
# From this number of parameters, two cores on one job are no slower than a job on each.
_SHARED_FROM = 2e7
BASE_MB = 4000  # main memory of a job with a model, without the weights


class Gpu(Section):
    """The GPUs of the cluster, and the form of requesting them."""

    request: Literal["gpu", "gres"] = Field(
        "gpu",
        description="`gpu` requests GPUs with --gpus=MODEL:N, `gres` with --gres=gpu:MODEL:N.",
    )
    model: str | None = Field(None, description="Name of the GPU model in SLURM; null for any.")
    memory_gib: float = Field(80.0, gt=0, description="Memory of one GPU, in GiB.")
    cpus: int = Field(8, ge=1, description="CPU cores requested per GPU.")
    memory_mb: int = Field(
        60_000, ge=400, description="Minimum main memory requested with each GPU, in MB."
    )
    per_node: int = Field(4, ge=1, description="GPUs per node; no job requests more.")
    from_billions: float = Field(
        0.1, ge=0, description="Models with fewer parameters (in billions) run on CPU cores."
    )


class JobClass(Section):
    """Where jobs of a class run."""

    partition: str | None = Field(
        None, description="SLURM partition; null for the default partition."
    )
    account: str | None = Field(
        None,
        description="Account of the class, where it has one of its own; null for `account` above.",
    )
    qos: str | None = Field(
        None, description="Quality of service, as in `sbatch --qos`; null for the partition's own."
    )
    constraint: str | None = Field(
        None,
        description="Features that nodes must have, as in `sbatch --constraint`; null for any.",
    )
    time_factor: float = Field(
        1.0, gt=0, description="Factor for all time limits of the class, for slower machines."
    )


class TimeLimit(Section):
    """How time limits follow the plan's estimates."""

    factor: float = Field(
        2.0, ge=1.0, description="Time limit as a multiple of the plan's estimate."
    )
    startup: int = Field(
        10, ge=0, description="Minutes in addition, for the start of a job on a node."
    )
    minimum: int = Field(20, ge=1, description="Shortest time limit, in minutes.")

    def minutes(self, seconds: float) -> int:
        """Time limit of a job that takes so many seconds, in minutes, as a multiple of ten."""
        wanted = self.startup + self.factor * seconds / 60
        return 10 * math.ceil(max(wanted, self.minimum) / 10)


class Machine(Section):
    """A cluster: its account, its partitions, its GPUs."""

    account: str | None = Field(
        None, description="Account to charge (`sbatch -A`); null to omit it."
    )
    max_runtime: int = Field(
        7200, ge=1, description="Longest time limit that the partitions allow, in minutes."
    )
    max_memory_mb: int | None = Field(
        None,
        ge=400,
        description="Memory of the largest node, in MB; no attempt of a job requests more.",
    )
    cpus: int = Field(
        8,
        ge=1,
        description="CPU cores requested by a job without a GPU that computes with all its cores; locally "
        "no more than `--cores`.",
    )
    time_limits: TimeLimit = Field(
        default_factory=TimeLimit, description="How time limits follow the plan's estimates."
    )
    growth: float = Field(
        1.5, ge=1.0, description="Factor for memory and time of every further attempt."
    )
    gpu: Gpu | None = Field(default_factory=Gpu, description="The GPUs; null for none.")
    light: JobClass = Field(default_factory=JobClass, description="Jobs with one core and few GB.")
    compute: JobClass = Field(default_factory=JobClass, description="CPU jobs with a model.")
    network: JobClass = Field(
        default_factory=JobClass,
        description="Jobs that send requests to a server, which their nodes must be able to reach.",
    )
    accelerated: JobClass = Field(default_factory=JobClass, description="Jobs with GPUs.")

    def memory_mb(self, amount: int, attempt: int) -> int:
        """Memory (MB) for an attempt, from 1; at most that of the largest node."""
        grown = math.ceil(amount * self.growth ** (attempt - 1))
        return min(grown, self.max_memory_mb or grown)

    def minutes(self, amount: int, attempt: int, kind: JobClass) -> int:
        """Time limit for an attempt, at most what the partitions allow."""
        grown = amount * kind.time_factor * self.growth ** (attempt - 1)
        return min(math.ceil(grown), self.max_runtime)


def read_machine(path: Path) -> Machine:
    """Read and check the description of a machine.

    Raises:
        UserError: the file is missing, is not YAML, or contains invalid keys.
    """
    settings = loading.read_yaml(path)
    try:
        return Machine.model_validate(settings)
    except ValidationError as error:
        first = error.errors()[0]
        key = first["loc"][-1]
        named = {"account": "an account", "qos": "a qos"}.get(key)
        if named and isinstance(first["input"], int | float):
            raise UserError(
                what=f"the {key} is not text: YAML reads {named} of digits as a number",
                where=f"{path}: {'.'.join(map(str, first['loc']))}: {first['input']}",
                expected=f'the {key} in quotes, such as {key}: "12345"',
                remedy=f"put the {key} in quotes, with all its digits: leading zeros are lost "
                "in a number",
            ) from None
        raise UserError(
            what=first["msg"],
            where=f"{path}: {'.'.join(map(str, first['loc']))}",
            expected="the keys explained in the file's comments",
            remedy="fix this key; the file in the repository is a working example",
        ) from None


class ResourceRequest(NamedTuple):
    """Resources of a job with a model: GPUs, main memory in MB, slowdown by the model's size,
    whether it needs the network (1 or 0), and the CPU cores and main memory that it can use without
    a GPU."""

    gpus: int
    memory_mb: int
    slowness: float
    network: int = 0
    cores: int = 1
    memory_on_cores_mb: int = BASE_MB

    def threads(self, *, gpus_here: bool = True) -> int:
        """CPU cores to request: one beside a GPU, otherwise as many as the model can use.

        Args:
            gpus_here: whether jobs that request GPUs get any; a laptop has none.
        """
        return 1 if self.gpus and gpus_here else self.cores

    def memory(self, *, gpus_here: bool = True) -> int:
        """Main memory to request, in MB: what goes with its GPUs, or what it needs without any.

        Args:
            gpus_here: as `threads`.
        """
        return self.memory_mb if self.gpus and gpus_here else self.memory_on_cores_mb

    def minutes(self, base: int) -> int:
        """Time limit, scaled from `base` for a model with up to 8 billion parameters per GPU."""
        return math.ceil(base * self.slowness)


class ModelNeeds:
    """Resources of jobs with a model on one machine, by model size.

    Args:
        machine: the machine's description.
        parameters: number of parameters of every model of the study; None for models that need no
            GPU.
    """

    def __init__(self, machine: Machine, parameters: Mapping[str, float | None]) -> None:
        self.machine = machine
        self.parameters = parameters

    def gpus(self, model: str, precision: str, *, training: bool = False, given: int = 0) -> int:
        """GPUs of a job with a model: the given number, or as many as its weights need.

        A power of two, because attention heads must be distributed evenly.

        Raises:
            UserError: one node has fewer GPUs.
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
                expected=f"at most {gpu.per_node} GPUs, the number in one node (`gpu.per_node`)",
                remedy="use a larger GPU or node, quantise the model, or query it over the "
                "network (engine openai)",
            )
        return wanted

    def holds(self, model: str, precision: str) -> bool:
        """Whether one GPU can hold a model in training; always true without GPUs."""
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
        """All resources requested by a job with a model.

        Args:
            given: number of GPUs from the config; 0 for as many as the weights need.
            on_gpu: whether the engine can use GPUs.

        Raises:
            UserError: as `gpus`.
        """
        gpus = self.gpus(model, precision, training=training, given=given) if on_gpu else 0
        billions = (self.parameters[model] or 0.0) / 1e9
        slowness = max(1.0, billions / (_USUAL_BILLIONS * max(1, gpus)))
        return ResourceRequest(
            gpus,
            self.memory_mb(model, precision, gpus),
            slowness,
            cores=self.cores(model),
            memory_on_cores_mb=self.memory_mb(model, precision, 0),
        )

    def cores(self, model: str) -> int:
        """CPU cores that shorten a job with a model without a GPU.

        With a tiny model, jobs side by side with one core each take less time than one after the
        other with all cores: its matrix products are too small to share.
        """
        size = self.parameters[model]
        return 1 if size is None or size < _SHARED_FROM else self.machine.cpus

    def conversion_mb(self, model: str) -> int:
        """Main memory of a conversion, in MB: the weights as read and as written, in float32."""
        return BASE_MB + math.ceil(2.4 * _BYTES["float32"] * (self.parameters[model] or 0.0) / 1e6)

    def memory_mb(self, model: str, precision: str, gpus: int) -> int:
        """Main memory in MB: a base amount plus the weights, which pass through it once."""
        size = self.parameters[model]
        weights = 0.0 if size is None else size * _BYTES[precision] / 1e6
        least = gpus * self.machine.gpu.memory_mb if gpus and self.machine.gpu else 0
        return max(BASE_MB + math.ceil(1.2 * weights), least)
