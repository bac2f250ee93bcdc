"""The jobs of a study in plain values, from a dry run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class PlannedJob:
    """One job of a study.

    Args:
        rule: name of its rule, which determines its work.
        stage: name of the rule file, which is that of the stage.
        needs: positions of the jobs whose outputs it reads.
        run: whether it would run; `reasons` list why, the most important first.
        gpus: requested GPUs.
        asked: all other requested resources.
        resumes: whether a further attempt continues where the last one stopped.
    """

    rule: str
    stage: str
    wildcards: Mapping[str, str]
    outputs: Sequence[str]
    benchmark: str | None
    run: bool
    reasons: Sequence[str]
    local: bool
    threads: int
    gpus: int
    needs: Sequence[int]
    asked: Mapping[str, Any] = field(default_factory=dict)
    resumes: bool = False

    @property
    def gathers(self) -> bool:
        """Whether it is a target rule without outputs."""
        return not self.outputs

    @property
    def cores(self) -> int:
        """CPU cores that it uses."""
        return max(self.threads, self.gpus * (self.asked.get("cpus_per_gpu") or 0))


def read_jobs(rows: Sequence[Mapping[str, Any]]) -> list[PlannedJob]:
    """Jobs from the rows of JSON printed by `workflow/dag.py`."""
    return [_job(row) for row in rows]


def _job(row: Mapping[str, Any]) -> PlannedJob:
    asked = {key: value for key, value in row["resources"].items() if value is not None}
    known = {key: row[key] for key in ("rule", "stage", "wildcards", "outputs", "benchmark", "run")}
    known |= {key: row[key] for key in ("reasons", "local", "threads", "needs", "resumes")}
    return PlannedJob(**known, gpus=asked.get("devices", 0), asked=asked)


def stages_of(jobs: Sequence[PlannedJob], order: Sequence[str]) -> dict[str, list[int]]:
    """Positions of the jobs with outputs, by stage, sorted so that jobs follow their inputs.

    A stage follows the stages that it reads from; ties keep the given order.
    """
    stages: dict[str, list[int]] = {name: [] for name in order}
    for index in topological_order(jobs):
        if not jobs[index].gathers:
            stages.setdefault(jobs[index].stage, []).append(index)
    stages = {name: members for name, members in stages.items() if members}
    before: dict[str, list[str]] = {name: [] for name in stages}
    for first, second in links_of(jobs, stages):
        before[second].append(first)
    depth: dict[str, int] = {}

    def at(name: str, path: tuple[str, ...] = ()) -> int:
        if name not in depth:
            # Two stages may read from each other: jobs have no cycles, but rule files can.
            ahead = [at(other, (*path, name)) for other in before[name] if other not in path]
            depth[name] = 1 + max(ahead, default=-1)
        return depth[name]

    return {name: stages[name] for name in sorted(stages, key=at)}


def links_of(
    jobs: Sequence[PlannedJob], stages: Mapping[str, Sequence[int]]
) -> list[tuple[str, str]]:
    """Pairs of stages in which the second reads from the first."""
    of = {index: name for name, members in stages.items() for index in members}
    pairs = {
        (of[need], of[index])
        for index in of
        for need in jobs[index].needs
        if need in of and of[need] != of[index]
    }
    return sorted(pairs)


def topological_order(jobs: Sequence[PlannedJob]) -> list[int]:
    """Positions of all jobs, each after the jobs that it needs."""
    ordered: list[int] = []
    seen = [False] * len(jobs)
    for start in range(len(jobs)):
        stack = [(start, False)]
        while stack:
            index, ready = stack.pop()
            if ready:
                ordered.append(index)
            elif not seen[index]:
                seen[index] = True
                stack.append((index, True))
                stack.extend((need, False) for need in jobs[index].needs if not seen[need])
    return ordered
