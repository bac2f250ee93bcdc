"""What a training passes to `fit`: steps, passes, and arguments of transformers' Trainer."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from manybaskets.config.training import Training
from manybaskets.models.sizes import count_parameters
from manybaskets.training.memory import (
    USEFUL_COSTS,
    Passes,
    bytes_of_one_row,
    check_one_row_fits,
    choose_passes,
    free_bytes,
    pass_cost,
)
from manybaskets.training.task import Task, steps_of

log = logging.getLogger(__name__)


def schedule(training: Training, rows: int) -> dict[str, Any]:
    """When a training on so many rows ends, warms up, is evaluated and saved."""
    steps = steps_of(training, rows)
    every = max(1, math.ceil(steps / training.evaluations))
    return {
        "max_steps": steps,
        "gradient_accumulation_steps": training.accumulation,
        "warmup_steps": math.ceil(training.warmup_share * steps),
        "logging_steps": max(1, every // 4),
        "eval_strategy": "steps",
        "eval_steps": every,
        "eval_on_start": True,
        "save_strategy": "steps",
        "save_steps": every,
    }


def passes_of(task: Task, rows: Sequence[dict]) -> Passes:
    """How the rows of a batch are computed; the same in all processes of a training.

    Raises:
        UserError: one row does not fit in memory.
    """
    import torch
    from accelerate.utils import broadcast_object_list
    from transformers import AutoConfig

    training, folder = task.training, Path(task.model)
    launch = training.launch[task.name]
    sharers = (training.processes or 1) if launch.strategy == "fsdp" else 1
    element = getattr(torch, training.precision).itemsize
    memory_mb = task.memory_mb and task.memory_mb // (training.processes or 1)
    together = training.batch_size if (training.processes or 1) > 1 else 1  # rows of every pass
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    parameters, cuda = count_parameters(folder), torch.cuda.is_available()
    weights = 0.0 if launch.cpu_offload else parameters * element / sharers
    longest_row = max(len(row["input_ids"]) for row in rows)
    need = bytes_of_one_row(
        config,
        together * longest_row,
        element_bytes=element,
        weight_bytes=weights,
        checkpointing=launch.gradient_checkpointing is not False,
    )
    check_one_row_fits(need, memory_mb, launch, longest_row, task.name)
    cost = pass_cost(config, parameters, cuda)
    passes = choose_passes(
        config,
        together * longest_row,
        element_bytes=element,
        free_bytes=free_bytes(weights, memory_mb),
        checkpointing=launch.gradient_checkpointing,
        tokens=launch.tokens_per_pass,
        useful=None if cuda else USEFUL_COSTS * cost,
    )._replace(cost=cost)
    (passes,) = broadcast_object_list([passes])
    log.info("%d tokens at most in a pass, checkpointing: %s", passes.tokens, passes.checkpointing)
    return passes


def arguments(task: Task, passes: Passes) -> dict[str, Any]:
    """What the trial and the training share."""
    import torch

    training = task.training
    launch = training.launch[task.name]
    return {
        "pad": task.pad,
        "processes": training.processes or 1,
        "keep": training.keep_checkpoint,
        "passes": passes,
        "per_device_train_batch_size": training.batch_size,
        "per_device_eval_batch_size": training.batch_size,
        "learning_rate": training.learning_rate,
        "weight_decay": training.weight_decay,
        "bf16": training.precision == "bfloat16",
        "tf32": True if training.tf32 and torch.cuda.is_available() else None,
        "seed": task.seed,
        "ddp_timeout": launch.timeout * 60,
        # Not FSDP's own checkpointing: it draws a different dropout when recomputing.
        "activation_checkpointing": passes.checkpointing,
        "activation_checkpointing_kwargs": {"use_reentrant": False},
    }
