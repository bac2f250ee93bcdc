"""How the processes of a training are started: one in the job itself, several by `accelerate launch`."""

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
from manybaskets.records.files import write_text
from manybaskets.records.resources import library_folder
from manybaskets.training import process
from manybaskets.training.checkpoints import drop_torn_checkpoints
from manybaskets.training.process import Task

log = logging.getLogger(__name__)
# Settings of another launch, or of the user's own accelerate, must not reach ours.
_FOREIGN = ("ACCELERATE_", "FSDP_", "TORCHELASTIC_", "DEEPSPEED_", "PARALLELISM_CONFIG_")
_OF_A_PROCESS = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")  # fmt: skip
_SECONDS_TO_END = 30.0


def launch(task: Task, folder: Path) -> None:
    """Train what lies in a folder, going on from the last checkpoint that is whole.

    Raises:
        UserError: what a process stopped with.
        PassingError: a process was killed, which a further try may mend.
    """
    for left in (*folder.glob("error-*.json"), *folder.glob("process-*.json")):
        left.unlink()
    (folder / process.RESULT).unlink(missing_ok=True)
    drop_torn_checkpoints(folder)
    with _trackers(task):
        if task.training.processes == 1:
            process.run(folder)
        else:
            _start(task, folder)


def strategy_of(training: Training, name: str) -> str:
    """How the processes of a training share it: `one process`, `ddp` or `fsdp`."""
    if training.processes == 1:
        return "one process"
    return training.launch[name].strategy or "ddp"


def accelerate_config(task: Task, *, cpu: bool) -> dict[str, Any]:
    """The accelerate config of one job.

    Args:
        cpu: the processes have no GPUs.
    """
    training = task.training
    how, strategy = training.launch[task.name], strategy_of(training, task.name)
    settings: dict[str, Any] = {
        "compute_environment": "LOCAL_MACHINE",
        "distributed_type": "FSDP" if strategy == "fsdp" else "MULTI_GPU",
        "use_cpu": cpu,
        "num_machines": 1,
        "machine_rank": 0,
        "num_processes": training.processes,
        "gpu_ids": "all",
        "main_process_ip": "127.0.0.1",
        "main_process_port": 0,  # a free one: jobs on one node must not meet
        "rdzv_backend": "static",
        "mixed_precision": "bf16" if training.precision == "bfloat16" else "no",
        "debug": False,
    }
    if strategy == "fsdp":
        settings["fsdp_config"] = {
            "fsdp_version": 2,
            "fsdp_auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
            "fsdp_reshard_after_forward": how.reshard,
            "fsdp_offload_params": how.cpu_offload,
            "fsdp_state_dict_type": "FULL_STATE_DICT",
            # One process reads the weights and sends each of the others its shard.
            "fsdp_cpu_ram_efficient_loading": True,
        }
        if how.wrapped_layers:
            settings["fsdp_config"]["fsdp_transformer_layer_cls_to_wrap"] = ",".join(
                how.wrapped_layers
            )
    return settings


def _start(task: Task, folder: Path) -> None:
    import torch

    processes = task.training.processes or 1
    gpus = torch.cuda.device_count()
    if 0 < gpus < processes:
        raise UserError(
            what=f"{processes} processes are to train, and the job sees {gpus} GPUs",
            where=f"training.per_target.{task.name}.processes",
            expected="a GPU for each process",
            remedy="lower it, and raise accumulation for the same number of rows per step; or look at "
            "slurm/machine.yaml",
        )
    config = folder / "accelerate.yaml"
    settings = accelerate_config(task, cpu=gpus == 0)
    write_text(yaml.safe_dump(settings, sort_keys=False), config)
    threads = max(1, task.threads // processes)
    command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(config),
               "--num_cpu_threads_per_process", str(threads),
               "-m", "manybaskets.training.process", str(folder)]  # fmt: skip
    how = strategy_of(task.training, task.name)
    log.info("%d processes, %s: %s", processes, how, " ".join(command))
    code = _relay(command, _environment())
    if code:
        raise _failure(folder, code)
    if not (folder / process.RESULT).exists():
        raise RuntimeError("the processes ended without a result; the log has what they said")


def _relay(command: list[str], environment: dict[str, str]) -> int:
    """Run a command, its output among ours; it ends with this process, however that ends."""
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
            # The launcher passes it on to the processes and waits for them.
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
        # Rows of ever other lengths would leave holes in the GPU's memory.
        "PYTORCH_ALLOC_CONF": kept.get("PYTORCH_ALLOC_CONF", "expandable_segments:True"),
    }


def _failure(folder: Path, code: int) -> Exception:
    """What the processes stopped with: the user's mistake first, then the first of other errors."""
    told = [json.loads(path.read_text()) for path in sorted(folder.glob("error-*.json"))]
    for error in told:
        if "what" in error:
            kind = PassingError if error.pop("passing") else UserError
            return kind(**error)
    for error in told:
        return RuntimeError(f"a training process stopped with {error['unexpected']}")
    return PassingError(
        what=f"the training processes ended with exit code {code} and left no message",
        where=f"{folder}; the log has their last words",
        expected="processes that end by themselves",
        remedy="run again: it goes on from the last checkpoint; a process that is killed for its memory "
        "needs a larger `mem_mb` (--set-resources train:mem_mb=…)",
    )


@contextlib.contextmanager
def _trackers(task: Task) -> Iterator[None]:
    """Where trackers write, and that wandb does so offline."""
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
    # What the user has set for a tracker's server is theirs to say.
    os.environ.update({key: os.environ.get(key) or value for key, value in own.items()})
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value
