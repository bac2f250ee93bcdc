"""What jobs request from a scheduler, and whether their time limits suffice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from manybaskets.plan.graph import PlannedJob
from manybaskets.plan.machine import Machine
from manybaskets.plan.time_limits import submissions

_LESS_WORK = {
    "train": "raise `training.per_target.<target>.processes` and lower `accumulation` as much",
    "generate": "raise `sources.<source>.shards`",
}


@dataclass(frozen=True)
class ScheduledJob:
    """Resources that jobs of a class request from the scheduler at their first attempt.

    Args:
        minutes: the time limit; `longest` is the longest estimate, in minutes.
        submissions: how often a job with this estimate is submitted until it has finished; None if
            it cannot finish.
    """

    rule: str
    jobs: int
    partition: str | None
    gpus: str
    cores: int
    memory_mb: int | None
    minutes: int | None
    longest: float
    submissions: int | None = 1


def requests_of(
    jobs: Sequence[PlannedJob],
    seconds: Mapping[int, float],
    machine: Machine,
    checkpoint_minutes: float,
) -> list[ScheduledJob]:
    """Classes of jobs with equal requests, in the order of `seconds`.

    Args:
        seconds: estimates of the jobs that would run, by position.
        checkpoint_minutes: what a training loses at its time limit.
    """
    classes: dict[tuple, list[float]] = {}
    for index in seconds:
        job, resources = jobs[index], jobs[index].asked
        if job.local:
            continue
        model = f"{resources['gpu_model']}:" if resources.get("gpu_model") else ""
        gpus = resources.get("gres", f"{model}{job.gpus}") if job.gpus else ""
        key = (job.rule, resources.get("slurm_partition"), gpus, job.cores)
        key += (resources.get("mem_mb"), resources.get("runtime"), job.resumes)
        classes.setdefault(key, []).append(seconds[index] / 60)
    requests = []
    for (rule, partition, gpus, cores, memory, minutes, resumes), each in classes.items():
        longest, times = max(each), 1
        if minutes and longest > minutes:
            lost = checkpoint_minutes if rule == "train" else 0.0
            times = submissions(60 * longest, minutes, machine, lost) if resumes else None
        requests.append(
            ScheduledJob(rule, len(each), partition, gpus, cores, memory, minutes, longest, times)
        )
    return requests


def over_limit(request: ScheduledJob, machine: Machine, retries: int) -> str | None:
    """What to change for jobs that need more time than they may have; None for all others.

    Args:
        retries: how often a failed job is submitted again.
    """
    if not request.minutes or request.longest <= request.minutes:
        return None
    times = request.submissions
    if times is not None and times <= 1 + retries:
        return None
    remedies = []
    if times is not None:
        remedies.append(f"set `retries: {times - 1}` in slurm/config.yaml (it resumes)")
    if request.minutes >= machine.max_runtime:
        remedies.append("raise `max_runtime` in slurm/machine.yaml if the partition allows more")
    else:
        enough = machine.time_limits.minutes(60 * request.longest)
        remedies.append(f"use `--set-resources {request.rule}:runtime={enough}`")
    if request.rule in _LESS_WORK:
        remedies.append(_LESS_WORK[request.rule])
    return (
        f"{request.rule} ({request.gpus or 'no GPU'}) may take {request.longest / 60:.1f} h, but its "
        f"time limit is {request.minutes / 60:.1f} h: {', or '.join(remedies)}."
    )
