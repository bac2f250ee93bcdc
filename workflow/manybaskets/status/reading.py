"""The status of a study: rows done of expected, failures, what runs, and the time that is left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from manybaskets.config.study import Study
from manybaskets.machine import Needs
from manybaskets.plan.graph import PlannedJob
from manybaskets.plan.measured import Speeds, lengths_of_sources
from manybaskets.plan.rows import rows_of
from manybaskets.plan.speeds import Priors
from manybaskets.plan.work import WorkOf
from manybaskets.status.expected import STAGES, expected_jobs
from manybaskets.status.failures import Failure, failures
from manybaskets.status.journals import rows_done
from manybaskets.status.running import Now, look


@dataclass(frozen=True)
class Progress:
    """How far one source, or all runs of one target, are in a stage.

    Args:
        rows: rows that are there; None for stages without rows of their own.
        expected: rows that are wanted; None where nothing tells how many.
        seconds: time that its jobs still take, one after the other.
        measured: whether that rests on jobs of this study.
    """

    stage: str
    of: str
    rows: float | None
    expected: float | None
    done: int
    jobs: int
    seconds: float
    measured: bool


@dataclass(frozen=True)
class Status:
    """How far a study is."""

    study: str
    progress: Sequence[Progress]
    failures: Sequence[Failure]
    now: Now

    @property
    def seconds(self) -> float:
        """Time that all jobs still take, one after the other."""
        return sum(each.seconds for each in self.progress)


def read_status(study: Study, needs: Needs, results: Path) -> Status:
    """Read the status of a study, which may be running or not have begun. Nothing is written.

    Args:
        results: folder of the study, `results/<study>`.
    """
    root = results.parent.parent
    jobs = expected_jobs(study, needs, results)
    rows = rows_of(study, results)
    work = WorkOf(study, rows, lengths_of_sources(jobs, Path()))
    speeds = Speeds(Priors(study, needs.parameters), work, jobs, Path())
    groups: dict[tuple[str, str], list[PlannedJob]] = {}
    for job in jobs:
        of = next((job.wildcards[key] for key in ("source", "target") if key in job.wildcards), "")
        groups.setdefault((job.stage, of), []).append(job)

    def gathered() -> Iterator[Progress]:
        for (stage, of), members in groups.items():
            there, wanted, seconds, measured = 0.0, 0.0, 0.0, True
            for job in members:
                expected = work(job.kind, job.wildcards).rows
                done = rows_done(job, results, rows, expected)
                there += done
                wanted = None if wanted is None or expected is None else wanted + expected
                if job.run:
                    estimate, basis = speeds(job, work(job.kind, job.wildcards))
                    left = 1 - done / expected if expected else 1.0
                    seconds += estimate.setup + estimate.work * left
                    measured &= basis.startswith("measured")
            counted = stage in ("sources", "responses", "pilots")
            finished = sum(not job.run for job in members)
            yield Progress(
                stage, of, there if counted else None, wanted if counted else None, finished,
                len(members), seconds, measured,
            )  # fmt: skip

    order = {stage: place for place, stage in enumerate(dict.fromkeys(STAGES.values()))}
    progress = sorted(gathered(), key=lambda each: order[each.stage])
    now = look(results, root)
    return Status(study.study, progress, failures(results, now.killed), now)
