"""The section `training`: the LoRA recipe, how many rows a step has, and how a training is launched."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from manybaskets.config.sections import Name, Section, Share


class Batch(Section):
    """How the rows of a step of one target are shared out; what is null is as for all targets.

    Rows per step = `batch_size` × `accumulation` × `processes`.
    """

    batch_size: int | None = Field(None, ge=1, description="Rows per process and pass.")
    accumulation: int | None = Field(
        None, ge=1, description="Passes whose gradients are added up to one step."
    )
    processes: int | None = Field(
        None, ge=1, description="Processes that train together; each has a GPU where there are any."
    )


class Launch(Section):
    """How the training of one target runs; it changes how much fits and how fast it is."""

    renamed: ClassVar = {"wrapped_layers": "wrap"}
    strategy: Literal["ddp", "fsdp"] | None = Field(
        None,
        description="With several processes: `ddp`, each holds the whole model; `fsdp`, the model is "
        "sharded over all (full shard: weights, gradients and optimizer). null: `fsdp` where one GPU "
        "does not hold the weights, `ddp` otherwise. One process needs neither.",
    )
    wrapped_layers: list[str] | None = Field(
        None,
        description="Classes of the model's layers that `fsdp` gathers one at a time, e.g. "
        "`LlamaDecoderLayer`; null: those that the model itself names (`_no_split_modules`).",
    )
    gradient_checkpointing: bool | None = Field(
        None,
        description="Discard activations inside the layers and recompute them in the backward pass: less "
        "memory, about a third more time. null: only if the longest row does not fit in the job's memory.",
    )
    tokens_per_pass: int | None = Field(
        None,
        ge=1,
        description="Most tokens of one forward and backward pass, padding included; a batch with more "
        "is computed in several passes. null: as many as fit in the job's memory. With several "
        "processes, `batch_size` rows always make one pass.",
    )
    cpu_offload: bool = Field(
        False, description="`fsdp` keeps the shards in main memory: much slower, least GPU memory."
    )
    reshard: bool = Field(
        True,
        description="`fsdp` frees a layer's weights after the forward pass and gathers them again for "
        "the backward pass (full shard); false: keeps them in between, which is faster and needs more memory.",
    )
    timeout: int = Field(
        60, ge=1, description="Longest wait of one process for the others, in minutes."
    )


class Training(Section):
    """The LoRA recipe, one for all runs."""

    renamed: ClassVar = {"keep_checkpoint": "keep"}
    operational: ClassVar = frozenset({"launch", "smoke_steps", "max_first_loss", "report_to"})

    rank: int = Field(16, ge=1, description="LoRA rank.")
    alpha: int = Field(32, ge=1, description="LoRA alpha; the update is scaled by alpha / rank.")
    dropout: float = Field(0.1, ge=0.0, lt=1.0, description="LoRA dropout.")
    modules: list[str] = Field(
        default=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
        description="Linear layers that get an adapter.",
    )
    epochs: float = Field(3.0, gt=0, description="Passes over the training set.")
    learning_rate: float = Field(5e-5, gt=0, description="Peak learning rate (AdamW, cosine).")
    warmup_share: Share = Field(0.03, description="Share of the steps with a rising learning rate.")
    weight_decay: float = Field(0.01, ge=0, description="AdamW weight decay.")
    batch_size: int = Field(4, ge=1, description="Rows per process and pass.")
    accumulation: int = Field(
        1, ge=1, description="Passes whose gradients are added up to one step."
    )
    processes: int | None = Field(
        None,
        ge=1,
        description="Processes that train one adapter together, each on a GPU where there are any; rows "
        "per step = `batch_size` × `accumulation` × `processes`. null: as many as GPUs that the "
        "target's weights need, one without GPUs.",
    )
    per_target: dict[Name, Batch] = Field(
        default={},
        description="Batch, accumulation and processes of single targets, by name of the model.",
    )
    launch: dict[Name, Launch] = Field(
        default={}, description="How the trainings of single targets run, by name of the model."
    )
    max_length: int = Field(
        1024,
        ge=16,
        description="Longest prompt with answer, in tokens; longer rows leave all mixes by id.",
    )
    loss: Literal["answers", "all"] = Field(
        "answers",
        description="What is learned: the answers with their end tokens, or every token but BOS.",
    )
    evaluations: int = Field(
        4,
        ge=1,
        description="Evaluations of the validation loss, each with a checkpoint; one of these is kept.",
    )
    keep_checkpoint: Literal["lowest", "last"] = Field(
        "lowest",
        description="Which checkpoint is kept: that with the lowest validation loss, or the last.",
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "bfloat16", description="Number format of the base model."
    )
    tf32: bool = Field(
        False,
        description="Multiply float32 matrices with 10 bits of mantissa on GPUs that can (TF32).",
    )
    seeds: list[int] = Field([1, 2, 3], min_length=1, description="Training seeds: one run each.")
    smoke_steps: int = Field(
        2,
        ge=0,
        description="Steps of a trial on the longest rows before the training, in the same launch, with an "
        "evaluation, a checkpoint and its loading; 0 for none.",
    )
    max_first_loss: float = Field(
        0.75,
        gt=0,
        description="Validation loss before the first step, as a share of guessing (ln of the vocabulary), "
        "from which on nothing is trained: the labels are then not the answers' tokens, or the target "
        "is no chat model.",
    )
    report_to: list[Literal["tensorboard", "wandb", "mlflow", "trackio"]] = Field(
        default=[],
        description="Trackers that transformers itself writes to; their packages must be installed. Jobs "
        "have the hubs' offline switches on and wandb runs offline (`wandb sync` afterwards). Files "
        "lie in `results/<study>/logs/runs/<target>/<mix>/seed<k>/trackers`.",
    )

    @model_validator(mode="after")
    def _one_number_of_processes(self) -> Training:
        for name, launch in self.launch.items():
            alone = self.batch_of(name).processes == 1
            if launch.strategy and alone:
                raise ValueError(
                    f"launch.{name}.strategy: '{launch.strategy}' with one process; name "
                    f"per_target.{name}.processes, or leave the strategy out"
                )
            if launch.strategy == "ddp" and (launch.wrapped_layers or launch.cpu_offload):
                raise ValueError(
                    f"launch.{name}: `wrapped_layers` and `cpu_offload` belong to strategy fsdp, not ddp"
                )
        return self

    def batch_of(self, target: str) -> Batch:
        """Batch, accumulation and, where the config names them, processes of a target."""
        own = self.per_target.get(target, Batch())
        return Batch(
            batch_size=own.batch_size or self.batch_size,
            accumulation=own.accumulation or self.accumulation,
            processes=own.processes or self.processes,
        )

    def of_target(self, target: str, gpus: int = 0) -> Training:
        """The recipe of one target's runs: batch, accumulation and processes are filled in.

        Args:
            gpus: GPUs of the job, for `processes: null`.
        """
        batch = self.batch_of(target)
        own = {
            "batch_size": batch.batch_size,
            "accumulation": batch.accumulation,
            "processes": batch.processes or max(1, gpus),
            "per_target": {},
            "launch": {target: self.launch.get(target, Launch())},
        }
        return self.model_copy(update=own)

    def rows_per_step(self, target: str, gpus: int = 0) -> int:
        """Rows whose gradients make one step of a target's runs."""
        own = self.of_target(target, gpus)
        return own.batch_size * own.accumulation * (own.processes or 1)

    def sharded(self, targets: list[str]) -> Training:
        """The same, with strategy `fsdp` for those of these targets that name none.

        Args:
            targets: models whose weights one GPU does not hold.
        """
        needed = {
            name: self.launch.get(name, Launch()).model_copy(
                update={"strategy": self.launch.get(name, Launch()).strategy or "fsdp"}
            )
            for name in targets
            if self.batch_of(name).processes != 1
        }
        return self.model_copy(update={"launch": {**self.launch, **needed}})
