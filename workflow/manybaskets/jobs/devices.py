"""The GPUs of a job: those assigned by a scheduler, or free ones on this machine.

CUDA_VISIBLE_DEVICES lists the devices that a process may use. A batch scheduler sets it; without
one, jobs that run at the same time would all take the first device, so each job claims its own
devices with a lock.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from manybaskets.errors import PassingError, UserError
from manybaskets.jobs.locks import WriterLock

log = logging.getLogger(__name__)
VISIBLE = "CUDA_VISIBLE_DEVICES"
SECONDS_BETWEEN_CLAIMS = 2.0


@contextlib.contextmanager
def claimed(count: int) -> Iterator[None]:
    """Limit this process to `count` GPUs inside the block; without GPUs it runs on CPUs.

    Waits for devices that other jobs on this machine have claimed.

    Raises:
        PassingError: the scheduler gave the job fewer GPUs than requested.
        UserError: this machine has fewer GPUs.
    """
    if not count:
        yield
        return
    before = os.environ.get(VISIBLE)
    visible = [name for name in before.split(",") if name] if before else []
    if "SLURM_JOB_ID" in os.environ:
        # A cluster that does not confine its jobs sets nothing, and there is nothing to check.
        if visible and len(visible) < count:
            raise PassingError(
                what=f"the job requested {count} GPUs but sees only {len(visible)}",
                where=f"{VISIBLE}={before} on {os.environ.get('SLURMD_NODENAME', 'this node')}",
                expected="as many visible GPUs as requested",
                remedy="check `gpu` in slurm/machine.yaml: some clusters need `request: gres`",
            )
        held: list[WriterLock] = []
        names = visible[:count]
    else:
        held, names = _claim(count, visible if before is not None else _devices())
    if names:
        os.environ[VISIBLE] = ",".join(names)
    try:
        yield
    finally:
        for lock in held:
            lock.release()
        if before is None:
            os.environ.pop(VISIBLE, None)
        else:
            os.environ[VISIBLE] = before


def has_gpus() -> bool:
    """Whether this machine has GPUs."""
    return bool(_devices())


def _claim(count: int, devices: Sequence[str]) -> tuple[list[WriterLock], list[str]]:
    """Locks and names of `count` devices that no other job holds; empty on a machine without GPUs."""
    if not devices:
        return [], []
    if count > len(devices):
        raise UserError(
            what=f"the job needs {count} GPUs, but this machine has {len(devices)}",
            where=f"devices {', '.join(devices)}",
            expected=f"at least {count} GPUs",
            remedy="set `gpu.memory_gib` and `gpu.per_node` in slurm/machine.yaml to this "
            "machine's GPU memory and GPU count, or lower `tensor_parallel` or "
            "`training.per_target.<target>.processes`",
        )
    folder = Path(tempfile.gettempdir()) / f"manybaskets-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    waiting = False
    while True:
        held: list[WriterLock] = []
        names = []
        for name in devices:
            lock = WriterLock(folder / f"gpu-{name}.lock", "device")
            with contextlib.suppress(PassingError):
                lock.acquire()
                held.append(lock)
                names.append(name)
            if len(names) == count:
                log.info("GPUs %s", ", ".join(names))
                return held, names
        # All or nothing: two jobs that each hold some of the GPUs would wait for each other
        # forever.
        for lock in held:
            lock.release()
        if not waiting:
            log.info("waiting for %d of the GPUs %s", count, ", ".join(devices))
        waiting = True
        time.sleep(SECONDS_BETWEEN_CLAIMS)


def _devices() -> list[str]:
    """Indices of this machine's GPUs."""
    if shutil.which("nvidia-smi") is None:
        return []
    asked = subprocess.run(
        ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"],
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout.split() if asked.returncode == 0 else []
