"""Wall time: jobs one after the other and beside each other, as their inputs and the width allow."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from manybaskets.plan.graph import PlannedJob, topological_order


@dataclass(frozen=True)
class Width:
    """What may run at a time; None without a limit.

    Args:
        jobs: jobs at a time.
        cores: CPU cores that they hold together.
        gpus: GPUs that they hold together.
    """

    jobs: int | None = None
    cores: int | None = None
    gpus: int | None = None


@dataclass(frozen=True)
class Timetable:
    """When every job starts and ends, in seconds from now.

    Args:
        spans: start and end of every job that runs, by position.
        longest_path: seconds that no width can shorten.
        peak_gpus: most GPUs that are held at a time.
    """

    spans: Mapping[int, tuple[float, float]]
    longest_path: float
    peak_gpus: int

    @property
    def wall(self) -> float:
        """Seconds until the last job ends."""
        return max((end for _, end in self.spans.values()), default=0.0)


def timetable(jobs: Sequence[PlannedJob], seconds: Mapping[int, float], width: Width) -> Timetable:
    """Start every job as soon as its inputs are there and the width has room; of several, the one
    with the longest way to the end. A job that asks for more than the width runs alone.

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
    """Needs that run themselves; what is done is there already."""
    return [need for need in jobs[index].needs if need in seconds]


def _ways_to_the_end(jobs: Sequence[PlannedJob], seconds: Mapping[int, float]) -> dict[int, float]:
    """Seconds from the start of every job to the end of the longest chain that it opens."""
    ways = dict(seconds)
    for index in reversed(topological_order(jobs)):
        if index in seconds:
            for need in _running_needs(jobs, index, seconds):
                ways[need] = max(ways[need], seconds[need] + ways[index])
    return ways
