"""Config section `training`: the LoRA recipe, the rows per step, and launch settings."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from manybaskets.config.sections import Name, Section, Seed, Share

CHECKPOINT_MINUTES = 30.0


class Batch(Section):
    """How the rows of a step are distributed for one target; null for the value of `training`.

    Rows per step = `batch_size` × `accumulation` × `processes`.
    """

    batch_size: int | None = Field(None, ge=1, description="Rows per process and forward pass.")
    accumulation: int | None = Field(
        None, ge=1, description="Number of gradient accumulation passes per step."
    )
    processes: int | None = Field(
        None,
        ge=1,
        description="Number of processes that train together, each on one GPU if there are any.",
    )


class Launch(Section):
    """How the trainings of one target run. It changes memory and speed, not the recipe."""

    renamed: ClassVar = {"wrapped_layers": "wrap"}
    strategy: Literal["ddp", "fsdp"] | None = Field(
        None,
        description="Strategy for several processes: `ddp` keeps the whole model on each, `fsdp` shards "
        "weights, gradients and optimizer over all. Null for `fsdp` if one GPU does not hold "
        "the weights, and `ddp` otherwise.",
    )
    wrapped_layers: list[str] | None = Field(
        None,
        description="Layer classes that `fsdp` gathers one at a time, e.g. `LlamaDecoderLayer`; null to "
        "use the model's own list (`_no_split_modules`).",
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
        description="`fsdp` frees a layer's weights after the forward pass and gathers them again in the "
        "backward pass; false keeps them, which is faster and needs more memory.",
    )
    timeout: int = Field(
        60, ge=1, description="Longest wait of one process for the others, in minutes."
    )


class Training(Section):
    """The LoRA recipe, the same for all runs."""

    renamed: ClassVar = {"keep_checkpoint": "keep"}
    operational: ClassVar = frozenset(
        {"launch", "smoke_steps", "max_first_loss", "report_to", "checkpoint_minutes"}
    )

    rank: int = Field(16, ge=1, description="LoRA rank.")
    alpha: int = Field(32, ge=1, description="LoRA alpha; updates are scaled by alpha / rank.")
    dropout: float = Field(0.1, ge=0.0, lt=1.0, description="LoRA dropout probability.")
    modules: list[str] | Literal["all-linear"] = Field(
        default=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
        min_length=1,
        description="Linear layers that get an adapter, by name; every target must have all of them. "
        "`all-linear` for all linear layers but the output head.",
    )
    epochs: float = Field(3.0, gt=0, description="Number of passes over the training set.")
    learning_rate: float = Field(
        5e-5, gt=0, description="Peak learning rate (AdamW, cosine schedule)."
    )
    warmup_share: Share = Field(
        0.03, description="Share of the steps in which the learning rate rises to its peak."
    )
    weight_decay: float = Field(0.01, ge=0, description="AdamW weight decay.")
    batch_size: int = Field(4, ge=1, description="Rows per process and forward pass.")
    accumulation: int = Field(
        1, ge=1, description="Number of gradient accumulation passes per step."
    )
    processes: int | None = Field(
        None,
        ge=1,
        description="Number of processes that train one adapter together, each on one GPU if there are "
        "any; rows per step = `batch_size` × `accumulation` × `processes`. Null for as many "
        "as the target's weights need GPUs, and one without GPUs.",
    )
    per_target: dict[Name, Batch] = Field(
        default={},
        description="Batch size, accumulation and processes of individual targets, by model name.",
    )
    launch: dict[Name, Launch] = Field(
        default={}, description="Memory and parallelism of individual targets, by model name."
    )
    max_length: int = Field(
        1024,
        ge=16,
        description="Longest prompt with answer, in tokens. Prompts with a longer row are removed from "
        "all mixes.",
    )
    loss: Literal["answers", "all"] = Field(
        "answers",
        description="Tokens that are learned: `answers` with their end tokens, or `all` tokens except "
        "BOS.",
    )
    evaluations: int = Field(
        4,
        ge=1,
        description="Number of evaluations of the validation loss. Each saves a checkpoint; one of these "
        "becomes the adapter.",
    )
    checkpoint_minutes: float = Field(
        CHECKPOINT_MINUTES,
        gt=0,
        # Absent unless set, so that the reports of finished studies are not written again.
        exclude_if=lambda minutes: minutes == CHECKPOINT_MINUTES,
        description="Longest time between two checkpoints, in minutes: a job that is killed or hits its "
        "time limit loses no more, unless a single step or evaluation takes longer.",
    )
    keep_checkpoint: Literal["lowest", "last"] = Field(
        "lowest",
        description="Checkpoint to keep: the one with the `lowest` validation loss, or the `last` one.",
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "bfloat16", description="Number format of the base model."
    )
    tf32: bool = Field(
        False,
        description="Use TF32 (10 bits of mantissa) for float32 matrix products on GPUs that support it.",
    )
    seeds: list[Seed] = Field([1, 2, 3], min_length=1, description="Training seeds, one run each.")
    smoke_steps: int = Field(
        2,
        ge=0,
        description="Number of test steps on the longest rows before the training, in the same launch, "
        "with an evaluation and a checkpoint that is loaded again; 0 for none.",
    )
    max_first_loss: float = Field(
        0.75,
        gt=0,
        description="Largest validation loss before the first step, as a share of the loss of guessing "
        "(logarithm of the vocabulary size). Above it nothing is trained, because the labels "
        "are wrong or the target is not a chat model.",
    )
    report_to: list[Literal["tensorboard", "wandb", "mlflow", "trackio"]] = Field(
        default=[],
        description="Experiment trackers that transformers writes to; their packages must be installed. "
        "Jobs run offline, so upload wandb runs with `wandb sync`. Files are written to "
        "`results/<study>/logs/runs/<target>/<mix>/seed<k>/trackers`.",
    )

    @model_validator(mode="after")
    def _one_number_of_processes(self) -> Training:
        for name, launch in self.launch.items():
            alone = self.batch_of(name).processes == 1
            if launch.strategy and alone:
                raise ValueError(
                    f"launch.{name}.strategy: '{launch.strategy}' needs several processes; set "
                    f"per_target.{name}.processes, or remove the strategy"
                )
            if launch.strategy == "ddp" and (launch.wrapped_layers or launch.cpu_offload):
                raise ValueError(
                    f"launch.{name}: remove `wrapped_layers` and `cpu_offload`, which apply only "
                    "to strategy fsdp"
                )
        return self

    def batch_of(self, target: str) -> Batch:
        """Batch size, accumulation and, if set in the config, processes of a target."""
        own = self.per_target.get(target, Batch())
        return Batch(
            batch_size=own.batch_size or self.batch_size,
            accumulation=own.accumulation or self.accumulation,
            processes=own.processes or self.processes,
        )

    def of_target(self, target: str, gpus: int = 0) -> Training:
        """The recipe of one target's runs, with batch size, accumulation and processes filled in.

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
        """Rows per step of a target's runs."""
        own = self.of_target(target, gpus)
        return own.batch_size * own.accumulation * (own.processes or 1)

    def sharded(self, targets: list[str]) -> Training:
        """The same, with strategy `fsdp` for those of these targets that set none.

        Args:
            targets: models whose weights do not fit on one GPU.
        """
        needed = {
            name: self.launch.get(name, Launch()).model_copy(
                update={"strategy": self.launch.get(name, Launch()).strategy or "fsdp"}
            )
            for name in targets
            if self.batch_of(name).processes != 1
        }
        return self.model_copy(update={"launch": {**self.launch, **needed}})
