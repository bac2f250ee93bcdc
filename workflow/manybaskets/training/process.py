"""One training process: it trains and saves checkpoints, but selects nothing.

`accelerate launch` starts several as `python -m manybaskets.training.process FOLDER`; a single
process runs inside the job. Its task is read from the folder and its results are written there.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import logging
import math
import os
import resource
import shutil
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from manybaskets.config.training import Training
from manybaskets.errors import PassingError, UserError
from manybaskets.extensions import load_passed_on
from manybaskets.models.libraries import import_libraries
from manybaskets.models.linear_layers import ALL_LINEAR, check_layers, linear_layers
from manybaskets.models.matrix_products import use_fast_products
from manybaskets.models.sizes import count_parameters
from manybaskets.records.writing import write_json, write_table
from manybaskets.training.checkpoints import check_whole, free_memory, load_base
from manybaskets.training.encoded_rows import longest
from manybaskets.training.fitting import fit
from manybaskets.training.memory import (
    USEFUL_COSTS,
    Passes,
    bytes_of_one_row,
    check_one_row_fits,
    choose_passes,
    free_bytes,
    pass_cost,
)

log = logging.getLogger(__name__)
TASK, ROWS, RESULT, SMOKE = "task.json", "rows.parquet", "result.json", "smoke"


class Task(NamedTuple):
    """The task of the training processes.

    Args:
        model: folder of the target.
        name: name of the target.
        recipe: the target's section `training` with batch size and processes filled in.
        seed: training seed.
        threads: total threads of all processes.
        pad: token id that fills up rows.
        vocabulary: number of tokens of the target's tokenizer.
        trackers: folder for the files of trackers.
        run: name of the run in trackers.
        memory_mb: main memory of the job, in MB; None for what the machine has.
    """

    model: str
    name: str
    recipe: dict[str, Any]
    seed: int
    threads: int
    pad: int
    vocabulary: int
    trackers: str
    run: str
    memory_mb: int | None = None

    @property
    def training(self) -> Training:
        """The recipe, checked."""
        return Training(**self.recipe)


def write_task(task: Task, rows: Mapping[str, Sequence[dict]], folder: Path) -> None:
    """Write the processes' task to their folder."""
    columns = {"split": [], "input_ids": [], "labels": []}
    for split, encoded in rows.items():
        for row in encoded:
            columns["split"].append(split)
            columns["input_ids"].append(row["input_ids"])
            columns["labels"].append(row["labels"])
    ids = pl.List(pl.Int32)
    schema = {"split": pl.String, "input_ids": ids, "labels": ids}
    write_table(pl.DataFrame(columns, schema=schema), folder / ROWS)
    write_json(task._asdict(), folder / TASK)


def run(folder: Path) -> None:
    """Train as specified in a folder; all processes of a training call this.

    Raises:
        UserError: as `fit`; the trial on the longest rows failed; the GPU is out of memory.
    """
    import_libraries("torch", "transformers.trainer", "peft")
    import torch
    from accelerate import PartialState
    from transformers.trainer_utils import get_last_checkpoint

    task = Task(**json.loads((folder / TASK).read_text(encoding="utf-8")))
    training = task.training
    start = time.monotonic()
    torch.set_num_threads(max(1, task.threads // (training.processes or 1)))
    wait = timedelta(minutes=training.launch[task.name].timeout)
    here = PartialState(
        cpu=not torch.cuda.is_available(),
        **({"timeout": wait} if (training.processes or 1) > 1 else {}),
    )
    train, validation = _rows(folder, "train"), _rows(folder, "validation")
    last = get_last_checkpoint(str(folder))
    trial_seconds = None
    passes = passes_of(task, [*train, *validation])
    try:
        if training.smoke_steps and not last:
            before = time.monotonic()
            model = _smoke(task, train, validation, folder, here, passes)
            trial_seconds = time.monotonic() - before
        else:
            model = build_adapter_model(task)
        history = fit(
            model,
            train,
            validation,
            folder=folder,
            first_loss=training.max_first_loss * math.log(task.vocabulary),
            checkpoint_minutes=training.checkpoint_minutes,
            report_to=list(training.report_to),
            run_name=task.run,
            **_schedule(training, len(train)),
            **_arguments(task, passes),
        )
    except torch.OutOfMemoryError as error:
        raise UserError(
            what=f"a GPU ran out of memory: {str(error).splitlines()[0]}",
            where=f"target '{task.name}', {training.batch_size} rows per process and pass",
            expected="enough GPU memory for the weights, their gradients and the longest rows",
            remedy=f"lower `tokens_per_pass` in `training.launch.{task.name}` if it is set, halve "
            "`batch_size` and double `accumulation` in "
            f"`training.per_target.{task.name}`, or raise `processes` there, or set "
            f"`gradient_checkpointing` or `strategy: fsdp` in `training.launch.{task.name}`",
        ) from error
    measured = {
        "seconds": time.monotonic() - start,
        "trial_seconds": trial_seconds,
        "training_seconds": history[-1]["train_runtime"],
        "peak_bytes": _peak_bytes(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "tokens_per_pass": passes.tokens,
        "gradient_checkpointing": passes.checkpointing,
        "went_on_from_step": int(Path(last).name.split("-")[1]) if last else 0,
    }
    write_json(measured, folder / f"process-{here.process_index}.json")
    here.wait_for_everyone()
    if here.is_main_process:
        write_json({"history": history}, folder / RESULT)


def build_adapter_model(task: Task) -> Any:
    """The target with a new adapter, initialised from the seed."""
    from peft import LoraConfig, get_peft_model
    from transformers import set_seed

    training = task.training
    base = load_base(Path(task.model), training.precision)
    layers = linear_layers(base)
    check_layers(layers, training.modules, task.name, task.model)
    # peft's own `all-linear` would list every layer in the adapter's config.
    every = sorted({layer.rpartition(".")[2] for layer in layers})
    set_seed(task.seed)
    adapter = LoraConfig(
        r=training.rank,
        lora_alpha=training.alpha,
        lora_dropout=training.dropout,
        target_modules=every if training.modules == ALL_LINEAR else list(training.modules),
        bias="none",
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(base, adapter)
    if training.processes == 1:
        use_fast_products(model)
    return model


def steps_of(training: Training, rows: int) -> int:
    """Optimiser steps of a training: a pass covers every row, its last step may have fewer rows."""
    together = training.batch_size * (training.processes or 1)
    per_pass = math.ceil(math.ceil(rows / together) / training.accumulation)
    return max(1, math.ceil(per_pass * training.epochs))


def _schedule(training: Training, rows: int) -> dict[str, Any]:
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


def _arguments(task: Task, passes: Passes) -> dict[str, Any]:
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


def _smoke(
    task: Task,
    train: Sequence[dict],
    validation: Sequence[dict],
    folder: Path,
    here: Any,
    passes: Passes,
) -> Any:
    """Try a few steps on the longest rows, with an evaluation, a checkpoint and its loading.

    Returns:
        A new model from `build`.
    """
    from peft import get_peft_model_state_dict, load_peft_weights, set_peft_model_state_dict

    training, place = task.training, folder / SMOKE
    if here.is_main_process:
        shutil.rmtree(place, ignore_errors=True)
    here.wait_for_everyone()
    together, steps = training.batch_size * (training.processes or 1), training.smoke_steps
    fit(
        build_adapter_model(task),
        longest(train, together * steps),
        longest(validation, together),
        folder=place,
        max_steps=steps,
        lr_scheduler_type="constant",
        logging_steps=1,
        eval_strategy="steps",
        eval_steps=steps,
        save_strategy="steps",
        save_steps=steps,
        **_arguments(task, passes),
    )
    free_memory()
    model = build_adapter_model(task)
    if here.is_main_process:
        saved = load_peft_weights(str(place / f"checkpoint-{steps}"), device="cpu")
        check_whole(model, saved, task.name)
        adapter = get_peft_model_state_dict(model, save_embedding_layers=False)
        fresh = {key: weight.clone() for key, weight in adapter.items()}
        set_peft_model_state_dict(model, saved)
        set_peft_model_state_dict(model, fresh)
        shutil.rmtree(place)
        log.info("the trial of %d steps on the longest rows succeeded", steps)
    here.wait_for_everyone()
    return model


def _rows(folder: Path, split: str) -> list[dict]:
    frame = pl.read_parquet(folder / ROWS).filter(pl.col("split") == split)
    return frame.select("input_ids", "labels").to_dicts()


def _peak_bytes() -> int:
    """Peak memory of this process: of its GPU, or main memory without a GPU."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def end_with_parent(number: int = signal.SIGKILL) -> None:
    """Have the kernel signal this process when its parent ends, also after kill -9 (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, int(number))  # PR_SET_PDEATHSIG


def main() -> None:
    """Entry point of a child process; errors are written to the folder for the job to report."""
    end_with_parent()
    folder = Path(sys.argv[1])
    rank = os.environ.get("RANK", "0")
    logging.basicConfig(
        stream=sys.stdout,
        level=logging.INFO if rank == "0" else logging.WARNING,
        format="%(asctime)s %(message)s",
    )
    logging.captureWarnings(True)
    try:
        load_passed_on()
        run(folder)
    except UserError as error:
        told = {key: getattr(error, key) for key in ("what", "where", "expected", "remedy")}
        _leave(folder, rank, told | {"passing": isinstance(error, PassingError)})
        raise
    except Exception as error:
        _leave(folder, rank, {"unexpected": f"{type(error).__name__}: {error}"})
        raise
    import torch.distributed

    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def _leave(folder: Path, rank: str, told: Mapping[str, Any]) -> None:
    with contextlib.suppress(OSError):
        write_json(dict(told), folder / f"error-{rank}.json")


if __name__ == "__main__":
    main()
