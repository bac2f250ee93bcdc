"""The status of a study: finished rows, failures, running jobs, and remaining time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from manybaskets.experiments import experiments_of
from manybaskets.layout import Files
from manybaskets.plan.graph import PlannedJob, stages_of
from manybaskets.plan.past_jobs import Speeds, lengths_of_sources
from manybaskets.plan.row_counts import rows_of
from manybaskets.plan.speeds import Priors
from manybaskets.plan.work import WorkOf
from manybaskets.status.failures import Failure, failures
from manybaskets.status.journals import Profiles, has_rows, rows_done
from manybaskets.status.running import Now, look

# Stages with one of these jobs, or with rows, have a line for every source or target.
_BY_NAME = {"replay", "train", "score_target"}


@dataclass(frozen=True)
class StageProgress:
    """Progress of one source, or of all runs of one target, in a stage.

    Args:
        rows: existing rows; None for stages without rows.
        expected: expected rows; None if unknown.
        seconds: remaining time of its jobs, run one after the other.
        measured: whether this is based on jobs of this study.
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
    """The progress of a study."""

    study: str
    progress: Sequence[StageProgress]
    failures: Sequence[Failure]
    now: Now

    @property
    def seconds(self) -> float:
        """Remaining time of all jobs, run one after the other."""
        return sum(each.seconds for each in self.progress)


def read_status(
    files: Files,
    sizes: Mapping[str, float | None],
    jobs: Sequence[PlannedJob],
    stages: Sequence[str],
) -> Status:
    """Read the status of a study, whether running or not yet started. Writes nothing.

    Args:
        sizes: number of parameters of every model; None for embedded models.
        jobs: all jobs of the study; finished jobs are detected from their outputs.
        stages: names of all stages in data order.
    """
    study, root = files.study, files.root
    classes = [*files.stages, *(files.stage(each.files) for each in experiments_of(study))]
    jobs = [replace(job, run=not _is_done(job, root)) for job in jobs]
    rows = rows_of(files)
    work = WorkOf(study, rows, lengths_of_sources(jobs, files))
    speeds = Speeds(Priors(study, sizes), work, jobs, files)
    profiles = speeds.priors.profiles
    lines = {
        (stage, of): members
        for stage, own in stages_of(jobs, stages).items()
        for of, members in _lines([jobs[index] for index in own], profiles).items()
    }

    def gathered() -> Iterator[StageProgress]:
        for (stage, of), members in lines.items():
            there, wanted, seconds, measured = 0.0, 0.0, 0.0, True
            counted = any(has_rows(job.rule, profiles) for job in members)
            for job in members:
                work_of_job = work(job.rule, job.wildcards)
                left = 1.0
                if has_rows(job.rule, profiles):
                    expected = work_of_job.rows
                    done = rows_done(job, root, classes, expected)
                    there += done
                    wanted = None if wanted is None or expected is None else wanted + expected
                    left = 1 - done / expected if expected else 1.0
                if job.run:
                    estimate, basis = speeds(job, work_of_job)
                    seconds += estimate.setup + estimate.work * left
                    measured &= basis.startswith("measured")
            finished = sum(not job.run for job in members)
            yield StageProgress(
                stage, of, there if counted else None, wanted if counted else None, finished,
                len(members), seconds, measured,
            )  # fmt: skip

    progress = list(gathered())
    now = look(files)
    return Status(study.study, progress, failures(files, now.killed), now)


def _is_done(job: PlannedJob, root: Path) -> bool:
    return all((root / output).exists() for output in job.outputs)


def _lines(members: Sequence[PlannedJob], profiles: Profiles) -> dict[str, list[PlannedJob]]:
    """Jobs of a stage by source or target; other jobs are listed by rule."""
    if not any(job.rule in _BY_NAME or has_rows(job.rule, profiles) for job in members):
        return {"": list(members)}
    found: dict[str, list[PlannedJob]] = {}
    for job in members:
        of = (job.wildcards[key] for key in ("source", "target") if key in job.wildcards)
        found.setdefault(next(of, job.rule), []).append(job)
    return dict(sorted(found.items()))
