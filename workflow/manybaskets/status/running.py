"""Running jobs, from the locks of their logs and the scheduler's queue."""

from __future__ import annotations

import getpass
import re
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from manybaskets.layout import Files

_HOLDER = re.compile(r"host (?P<host>\S+), (?:job (?P<job>\d+), )?process (?P<process>\d+)")
_PROGRESS = re.compile(r"\d+ of \d+ .* left")
_STEPS = "%i|%T|%M|%l|%R|%k"
_SECONDS_TO_ANSWER = 4.0
_TAIL = 4000


@dataclass(frozen=True)
class RunningJob:
    """A running job.

    Args:
        log: its log.
        holder: host, batch job (if any) and process.
        progress: the last progress line of its log; may be empty.
    """

    log: Path
    holder: str
    progress: str


@dataclass(frozen=True)
class QueuedJob:
    """A job in the scheduler's queue; `reason` is the node, or why it waits."""

    number: str
    state: str
    used: str
    limit: str
    reason: str
    work: str


@dataclass(frozen=True)
class Now:
    """Current activity.

    Args:
        running: jobs that hold the lock of their log.
        killed: logs of jobs that left a lock but whose process no longer exists.
        queue: jobs of the scheduler; None without a scheduler.
        trouble: why the scheduler did not answer; empty if it did.
        held: whether a Snakemake process holds the folder.
    """

    running: list[RunningJob]
    killed: list[Path]
    queue: list[QueuedJob] | None
    trouble: str
    held: bool

    @property
    def at_a_time(self) -> int:
        """Jobs running now."""
        of_scheduler = sum(job.state == "RUNNING" for job in self.queue or [])
        return max(len(self.running), of_scheduler)


def look(files: Files) -> Now:
    """Current activity of a study."""
    queue, trouble = _queue()
    alive = {job.number for job in queue or []}
    running, killed = [], []
    for lock in sorted(files.logs.rglob(".*.log.lock")):
        log = lock.with_name(lock.name[1:].removesuffix(".lock"))
        holder = _read(lock)
        if _lives(holder, alive if queue is not None else None):
            running.append(RunningJob(log, holder, _progress(log)))
        elif holder:
            killed.append(log)
    held = any((files.root / ".snakemake/locks").glob("*.lock"))
    return Now(running, killed, queue, trouble, held)


def _lives(holder: str, alive: set[str] | None) -> bool:
    """Whether the holder of a lock still runs; assumed true for other hosts without a scheduler."""
    found = _HOLDER.match(holder)
    if not found:
        return bool(holder)
    if found["host"] == socket.gethostname():
        return Path(f"/proc/{found['process']}").exists()
    return alive is None or found["job"] is None or found["job"] in alive


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""  # released in the meantime


def _progress(log: Path) -> str:
    try:
        with open(log, "rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL))
            found = _PROGRESS.findall(file.read().decode("utf-8", "replace"))
    except OSError:
        return ""
    return found[-1] if found else ""


def _queue() -> tuple[list[QueuedJob] | None, str]:
    """The user's jobs that Snakemake submitted; its plugin names the rule in the comment."""
    if not shutil.which("squeue"):
        return None, ""
    command = ["squeue", "--user", getpass.getuser(), "--noheader", "--format", _STEPS]
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=_SECONDS_TO_ANSWER, check=True
        )
    except subprocess.TimeoutExpired:
        return None, f"squeue did not answer within {_SECONDS_TO_ANSWER:g} s"
    except (OSError, subprocess.CalledProcessError) as error:
        told = (getattr(error, "stderr", None) or str(error)).strip()
        line = told.splitlines()[0].removeprefix("squeue: ") if told else "no answer"
        return None, f"squeue: {line}"
    jobs = [QueuedJob(*line.split("|", 5)) for line in answer.stdout.splitlines() if "|" in line]
    return [job for job in jobs if job.work.startswith("rule_")], ""
