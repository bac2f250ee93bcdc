"""Wall time: schedule jobs in sequence and in parallel, as inputs and width allow."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from manybaskets.plan.graph import PlannedJob, topological_order


@dataclass(frozen=True)
class Width:
    """Limits for jobs running at a time; None for no limit.

    Args:
        jobs: jobs at a time.
        cores: total CPU cores.
        gpus: total GPUs.
    """

    jobs: int | None = None
    cores: int | None = None
    gpus: int | None = None


@dataclass(frozen=True)
class Timetable:
    """Start and end of every job, in seconds from now.

    Args:
        spans: start and end of every job that runs, by position.
        longest_path: seconds of the critical path, independent of the width.
        peak_gpus: maximum GPUs in use at a time.
    """

    spans: Mapping[int, tuple[float, float]]
    longest_path: float
    peak_gpus: int

    @property
    def wall(self) -> float:
        """Seconds until the last job ends."""
        return max((end for _, end in self.spans.values()), default=0.0)


def timetable(jobs: Sequence[PlannedJob], seconds: Mapping[int, float], width: Width) -> Timetable:
    """Start every job as soon as its inputs exist and the width allows; of several jobs, the one
    with the longest path to the end first. A job that exceeds the width runs alone.

    Args:
        seconds: of every job that runs, by position.
    """
    remaining = _ways_to_the_end(jobs, seconds)
    users: dict[int, list[int]] = {index: [] for index in seconds}
    waiting = {}
    for index in seconds:
        needs = _running_needs(jobs, index, seconds)
        waiting[index] = len(needs)
        for need in needs:
            users[need].append(index)
    ready: dict[tuple[int, int], list[tuple[float, int]]] = {}

    def queue(index: int) -> None:
        demand = (jobs[index].gpus, _cores(jobs[index], width))
        heapq.heappush(ready.setdefault(demand, []), (-remaining[index], index))

    for index, count in waiting.items():
        if not count:
            queue(index)
    now, ends, spans, peak = 0.0, [], {}, 0
    held = [0, 0, 0]  # jobs, cores, GPUs

    def fits(gpus: int, cores: int) -> bool:
        return not held[0] or (
            (width.jobs is None or held[0] < width.jobs)
            and (width.cores is None or held[1] + cores <= width.cores)
            and (width.gpus is None or held[2] + gpus <= width.gpus)
        )

    while ends or any(ready.values()):
        for (gpus, cores), heap in sorted(ready.items(), key=lambda item: item[1][:1]):
            while heap and fits(gpus, cores):
                _, index = heapq.heappop(heap)
                spans[index] = (now, now + seconds[index])
                heapq.heappush(ends, (now + seconds[index], index))
                held = [held[0] + 1, held[1] + cores, held[2] + gpus]
                peak = max(peak, held[2])
        now, index = heapq.heappop(ends)
        held = [held[0] - 1, held[1] - _cores(jobs[index], width), held[2] - jobs[index].gpus]
        for user in users[index]:
            waiting[user] -= 1
            if not waiting[user]:
                queue(user)
    return Timetable(spans, max(remaining.values(), default=0.0), peak)


def _cores(job: PlannedJob, width: Width) -> int:
    return job.threads if width.cores is not None else 0


def _running_needs(
    jobs: Sequence[PlannedJob], index: int, seconds: Mapping[int, float]
) -> list[int]:
    """Inputs from jobs that run; finished jobs are ignored."""
    return [need for need in jobs[index].needs if need in seconds]


def _ways_to_the_end(jobs: Sequence[PlannedJob], seconds: Mapping[int, float]) -> dict[int, float]:
    """Seconds from the start of every job to the end of its longest chain of dependents."""
    ways = dict(seconds)
    for index in reversed(topological_order(jobs)):
        if index in seconds:
            for need in _running_needs(jobs, index, seconds):
                ways[need] = max(ways[need], seconds[need] + ways[index])
    return ways
