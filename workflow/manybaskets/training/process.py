"""One training process: it trains and saves checkpoints, but selects nothing.

`accelerate launch` starts several as `python -m manybaskets.training.process FOLDER`; a single
process runs inside the job. Its task is read from the folder and its results are written there.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import math
import os
import resource
import signal
import sys
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from manybaskets.errors import PassingError, UserError
from manybaskets.extensions import load_passed_on
from manybaskets.models.libraries import import_libraries
from manybaskets.records.writing import write_json
from manybaskets.training.adapter_model import build_adapter_model
from manybaskets.training.fit_settings import arguments, passes_of, schedule
from manybaskets.training.fitting import fit
from manybaskets.training.longest_rows_trial import try_longest_rows
from manybaskets.training.task import RESULT, read_encoded, read_task


def run(folder: Path) -> None:
    """Train as specified in a folder; all processes of a training call this.

    Raises:
        UserError: as `fit`; the trial on the longest rows failed; the GPU is out of memory.
    """
    import_libraries("torch", "transformers.trainer", "peft")
    import torch
    from accelerate import PartialState
    from transformers.trainer_utils import get_last_checkpoint

    task = read_task(folder)
    training = task.training
    start = time.monotonic()
    torch.set_num_threads(max(1, task.threads // (training.processes or 1)))
    wait = timedelta(minutes=training.launch[task.name].timeout)
    here = PartialState(
        cpu=not torch.cuda.is_available(),
        **({"timeout": wait} if (training.processes or 1) > 1 else {}),
    )
    train, validation = read_encoded(folder, "train"), read_encoded(folder, "validation")
    last = get_last_checkpoint(str(folder))
    trial_seconds = None
    passes = passes_of(task, [*train, *validation])
    try:
        if training.smoke_steps and not last:
            before = time.monotonic()
            model = try_longest_rows(task, train, validation, folder, here, passes)
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
            **schedule(training, len(train)),
            **arguments(task, passes),
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
