"""Start training processes: one inside the job, or several with `accelerate launch`."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from manybaskets.config.training import Training
from manybaskets.errors import PassingError, UserError
from manybaskets.records.resources import library_folder
from manybaskets.records.writing import write_text
from manybaskets.training import process
from manybaskets.training.checkpoints import drop_torn_checkpoints
from manybaskets.training.task import RESULT, Task

log = logging.getLogger(__name__)
# Settings of another launch, or of the user's accelerate config, must not affect this one.
_FOREIGN = ("ACCELERATE_", "FSDP_", "TORCHELASTIC_", "DEEPSPEED_", "PARALLELISM_CONFIG_")
_OF_A_PROCESS = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")  # fmt: skip
_SECONDS_TO_END = 30.0


def launch(task: Task, folder: Path) -> None:
    """Train as specified in a folder, resuming from the last complete checkpoint.

    Raises:
        UserError: the error of a process.
        PassingError: a process was killed; a retry may succeed.
    """
    for left in (*folder.glob("error-*.json"), *folder.glob("process-*.json")):
        left.unlink()
    (folder / RESULT).unlink(missing_ok=True)
    drop_torn_checkpoints(folder)
    with _trackers(task):
        if task.training.processes == 1:
            process.run(folder)
        else:
            _start(task, folder)


def strategy_of(training: Training, name: str) -> str:
    """Distribution strategy of a training: `one process`, `ddp` or `fsdp`."""
    if training.processes == 1:
        return "one process"
    return training.launch[name].strategy or "ddp"


def accelerate_config(task: Task, *, cpu: bool) -> dict[str, Any]:
    """The accelerate config of one job.

    Args:
        cpu: the processes have no GPUs.
    """
    training = task.training
    launch_settings, strategy = training.launch[task.name], strategy_of(training, task.name)
    settings: dict[str, Any] = {
        "compute_environment": "LOCAL_MACHINE",
        "distributed_type": "FSDP" if strategy == "fsdp" else "MULTI_GPU",
        "use_cpu": cpu,
        "num_machines": 1,
        "machine_rank": 0,
        "num_processes": training.processes,
        "gpu_ids": "all",
        "main_process_ip": "127.0.0.1",
        "main_process_port": 0,  # a free port: jobs on one node must not collide
        "rdzv_backend": "static",
        "mixed_precision": "bf16" if training.precision == "bfloat16" else "no",
        "debug": False,
    }
    if strategy == "fsdp":
        settings["fsdp_config"] = {
            "fsdp_version": 2,
            "fsdp_auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
            "fsdp_reshard_after_forward": launch_settings.reshard,
            "fsdp_offload_params": launch_settings.cpu_offload,
            "fsdp_state_dict_type": "FULL_STATE_DICT",
            # One process reads the weights and sends every other process its shard.
            "fsdp_cpu_ram_efficient_loading": True,
        }
        if launch_settings.wrapped_layers:
            settings["fsdp_config"]["fsdp_transformer_layer_cls_to_wrap"] = ",".join(
                launch_settings.wrapped_layers
            )
    return settings


def _start(task: Task, folder: Path) -> None:
    import torch

    processes = task.training.processes or 1
    gpus = torch.cuda.device_count()
    if 0 < gpus < processes:
        raise UserError(
            what=f"the training needs {processes} processes with a GPU each, but the job sees "
            f"{gpus} GPUs",
            where=f"training.per_target.{task.name}.processes",
            expected="one GPU per process",
            remedy="lower `processes` and raise `accumulation` to keep the number of rows per "
            "step, or check slurm/machine.yaml",
        )
    config = folder / "accelerate.yaml"
    settings = accelerate_config(task, cpu=gpus == 0)
    write_text(yaml.safe_dump(settings, sort_keys=False), config)
    threads = max(1, task.threads // processes)
    command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(config),
               "--num_cpu_threads_per_process", str(threads),
               "-m", "manybaskets.training.process", str(folder)]  # fmt: skip
    strategy = strategy_of(task.training, task.name)
    log.info("%d processes, %s: %s", processes, strategy, " ".join(command))
    code = _relay(command, _environment())
    if code:
        raise _failure(folder, code)
    if not (folder / RESULT).exists():
        raise RuntimeError("the processes ended without a result; see the log for their output")


def _relay(command: list[str], environment: dict[str, str]) -> int:
    """Run a command with its output in our log; it ends with this process, however that ends."""
    child = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
        preexec_fn=_end_in_order,
    )
    try:
        for line in child.stdout:
            sys.stdout.write(line)
        return child.wait()
    finally:
        if child.poll() is None:
            # The launcher forwards it to the processes and waits for them.
            child.terminate()
            try:
                child.wait(_SECONDS_TO_END)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        child.stdout.close()


def _end_in_order() -> None:
    process.end_with_parent(signal.SIGTERM)


def _environment() -> dict[str, str]:
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(_FOREIGN) and key not in _OF_A_PROCESS
    }
    library = str(library_folder().parent)
    paths = [library, *filter(None, [kept.get("PYTHONPATH")])]
    return kept | {
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONUNBUFFERED": "1",
        # Varying row lengths would fragment GPU memory.
        "PYTORCH_ALLOC_CONF": kept.get("PYTORCH_ALLOC_CONF", "expandable_segments:True"),
    }


def _failure(folder: Path, code: int) -> Exception:
    """Why the processes stopped: a UserError if any, otherwise the first other error."""
    told = [json.loads(path.read_text()) for path in sorted(folder.glob("error-*.json"))]
    for error in told:
        if "what" in error:
            kind = PassingError if error.pop("passing") else UserError
            return kind(**error)
    for error in told:
        return RuntimeError(f"a training process stopped with {error['unexpected']}")
    return PassingError(
        what=f"the training processes ended with exit code {code} without a message",
        where=f"{folder}; see the log for their last output",
        expected="processes that end normally",
        remedy="rerun the same command: training resumes from the last checkpoint; if a process "
        "was killed for its memory, raise `mem_mb` (`--set-resources train:mem_mb=…`)",
    )


@contextlib.contextmanager
def _trackers(task: Task) -> Iterator[None]:
    """Tracker environment: output folders, and wandb in offline mode."""
    if not task.training.report_to:
        yield
        return
    folder = Path(task.trackers)
    folder.mkdir(parents=True, exist_ok=True)
    own = {
        "TENSORBOARD_LOGGING_DIR": str(folder / "tensorboard"),
        "WANDB_DIR": str(folder),
        "WANDB_MODE": "offline",
        "MLFLOW_TRACKING_URI": (folder / "mlflow").resolve().as_uri(),
        "TRACKIO_DIR": str(folder / "trackio"),
    }
    before = {key: os.environ.get(key) for key in own}
    # The user's settings for a tracker's server take precedence.
    os.environ.update({key: os.environ.get(key) or value for key, value in own.items()})
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value
