"""The plan of a study: jobs, rows, tokens, time, disk and money, stage by stage."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from manybaskets.experiments import StudyRows, Work
from manybaskets.layout import Files
from manybaskets.plan.costs import CHECKPOINTS, Bill, Disk, bills
from manybaskets.plan.family_power import FamilyPower, family_powers, note_of
from manybaskets.plan.graph import PlannedJob, links_of, stages_of
from manybaskets.plan.machine import Machine
from manybaskets.plan.past_jobs import NO_PRIOR, Speeds, lengths_of_sources, read_usage
from manybaskets.plan.row_counts import rows_of
from manybaskets.plan.schedule import Timetable, Width, timetable
from manybaskets.plan.scheduled_jobs import ScheduledJob, over_limit, requests_of
from manybaskets.plan.speeds import Priors
from manybaskets.plan.work import WorkOf

# Overhead of the workflow per job in seconds: the start of Snakemake; on a cluster two starts and
# the polling interval (`benchmarks/slurm_overhead.py`).
OVERHEAD_LOCAL, OVERHEAD_CLUSTER = 1.5, 20.0
_GPU_WIDTHS = (2, 4, 8, 16, 32, 64, 128, 256)


@dataclass(frozen=True)
class StagePlan:
    """A stage: its jobs and their costs. If something is unknown, only the known part is summed,
    and `known` is false. Times are hours, except `start` and `end`, which are seconds from now.

    Args:
        done: jobs whose outputs exist and are up to date.
        to_run: jobs that would run; all following fields are about them.
        basis: basis of the times, with the number of jobs.
    """

    stage: str
    done: int
    to_run: int
    rows: float
    tokens_in: float
    tokens_out: float
    gpu_hours: float
    cpu_hours: float
    job_hours: float
    start: float
    end: float
    gigabytes: float
    basis: Mapping[str, int]
    known: bool


@dataclass(frozen=True)
class Plan:
    """Finished jobs and jobs that would run; serialisable as JSON.

    Args:
        job_seconds: mean time of a rule's jobs that would run, by rule.
    """

    study: str
    stages: Sequence[StagePlan]
    requests: Sequence[ScheduledJob]
    reasons: Mapping[str, Mapping[str, int]]
    bills: Sequence[Bill]
    gigabytes: Mapping[str, float]
    free_gigabytes: float
    rows: StudyRows
    hours_done: float
    gpu_hours_done: float
    width: Width
    wall: float
    longest_path: float
    peak_gpus: int
    wall_by_gpus: Mapping[int, float]
    links: Sequence[tuple[str, str]]
    job_seconds: Mapping[str, float] = field(default_factory=dict)
    notes: Sequence[str] = field(default_factory=list)
    families: Sequence[FamilyPower] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain values by field name."""
        return asdict(self)


def make_plan(
    files: Files,
    sizes: Mapping[str, float | None],
    jobs: Sequence[PlannedJob],
    width: Width,
    *,
    stages: Sequence[str],
    cluster: bool,
    machine: Machine,
    retries: int = 0,
) -> Plan:
    """Plan a study.

    Args:
        sizes: number of parameters of every model; None for embedded models.
        jobs: all jobs of the study.
        width: limits for jobs running at a time.
        stages: names of all stages in data order.
        cluster: whether every job waits in a scheduler's queue.
        machine: the cluster that sets the time limits.
        retries: how often a failed job is submitted again.

    Raises:
        UserError: a user's file of rows cannot be read.
    """
    study = files.study
    rows = rows_of(files)
    work = WorkOf(study, rows, lengths_of_sources(jobs, files))
    speeds = Speeds(Priors(study, sizes), work, jobs, files)
    works = {i: work(job.rule, job.wildcards) for i, job in enumerate(jobs) if not job.gathers}
    running = [i for i in works if jobs[i].run]
    estimates = {i: speeds(jobs[i], works[i]) for i in running}
    extra = {
        i: OVERHEAD_CLUSTER if cluster and not jobs[i].local else OVERHEAD_LOCAL for i in running
    }
    seconds = {i: estimates[i][0].total + extra[i] for i in running}
    bases = {i: basis if works[i].known else "unknown" for i, (_, basis) in estimates.items()}
    times = timetable(jobs, seconds, width)
    disk = Disk(study, speeds.priors)
    left = {i: disk(jobs[i], works[i]) for i in running}
    members = stages_of(jobs, stages)
    gigabytes: Counter[str] = Counter()
    for kinds in left.values():
        gigabytes.update({kind: amount / 1e9 for kind, amount in kinds.items()})
    at_a_time = width.jobs or width.cores or 1
    checkpoints = disk.checkpoint_bytes([jobs[i] for i in running], at_a_time) / 1e9
    gigabytes.update({CHECKPOINTS: checkpoints} if checkpoints else {})
    totals = {
        i: estimates[i][0].total for indices in members.values() for i in indices if i in estimates
    }
    requests = requests_of(jobs, totals, machine, study.training.checkpoint_minutes)
    usages = {i: usage for i in works if not jobs[i].run and (usage := read_usage(jobs[i], files))}
    plan = Plan(
        study=study.study,
        stages=[
            _stage(name, [i for i in indices if not jobs[i].run], [i for i in indices if jobs[i].run],
                   jobs, works, seconds, bases, times, left)
            for name, indices in members.items()
        ],
        requests=requests,
        reasons=_reasons([jobs[i] for indices in members.values() for i in indices if jobs[i].run]),
        bills=bills(speeds.priors, jobs, works, usages),
        gigabytes=dict(gigabytes),
        free_gigabytes=shutil.disk_usage(_existing(files.results)).free / 1e9,
        rows=rows,
        hours_done=sum(t for i, t in speeds.taken.items() if not jobs[i].run) / 3600,
        gpu_hours_done=sum(
            t * jobs[i].gpus for i, t in speeds.taken.items() if not jobs[i].run
        ) / 3600,
        width=width,
        wall=times.wall,
        longest_path=times.longest_path,
        peak_gpus=times.peak_gpus,
        wall_by_gpus={
            gpus: timetable(jobs, seconds, replace(width, gpus=gpus)).wall
            for gpus in _GPU_WIDTHS
            if gpus < times.peak_gpus and gpus >= max((jobs[i].gpus for i in running), default=0)
        },
        links=links_of(jobs, members),
        job_seconds=_mean_by_rule([(jobs[i].rule, seconds[i]) for i in running]),
        families=family_powers(study, rows),
    )  # fmt: skip
    limits = [over_limit(each, machine, retries) for each in requests] if cluster else []
    return replace(plan, notes=[*filter(None, limits), *_notes(plan)])


def _stage(
    name: str,
    done: Sequence[int],
    running: Sequence[int],
    jobs: Sequence[PlannedJob],
    works: Mapping[int, Work],
    seconds: Mapping[int, float],
    bases: Mapping[int, str],
    times: Timetable,
    left: Mapping[int, Mapping[str, float]],
) -> StagePlan:
    # Rows that a model answers, trains on or scores; counting copied rows would count them twice.
    at_work = [works[i] for i in running if works[i].tokens or not works[i].known]
    return StagePlan(
        stage=name,
        done=len(done),
        to_run=len(running),
        rows=sum(work.rows or 0.0 for work in at_work),
        tokens_in=sum(work.tokens_in or 0.0 for work in at_work),
        tokens_out=sum(work.tokens_out or 0.0 for work in at_work),
        gpu_hours=sum(seconds[i] * jobs[i].gpus for i in running) / 3600,
        cpu_hours=sum(seconds[i] * jobs[i].cores for i in running) / 3600,
        job_hours=sum(seconds[i] for i in running) / 3600,
        start=min((times.spans[i][0] for i in running), default=0.0),
        end=max((times.spans[i][1] for i in running), default=0.0),
        gigabytes=sum(sum(left[i].values()) for i in running) / 1e9,
        basis=dict(Counter(bases[i] for i in running)),
        known=all(works[i].known for i in running),
    )


def _mean_by_rule(seconds: Sequence[tuple[str, float]]) -> dict[str, float]:
    by_rule: dict[str, list[float]] = {}
    for rule, each in seconds:
        by_rule.setdefault(rule, []).append(each)
    return {rule: fmean(each) for rule, each in by_rule.items()}


def _reasons(jobs: Sequence[PlannedJob]) -> dict[str, dict[str, int]]:
    """Jobs that would run, by most important reason, then by rule."""
    counters: dict[str, Counter[str]] = {}
    for job in jobs:
        reason = job.reasons[0] if job.reasons else "another job needs it"
        counters.setdefault(reason, Counter())[job.rule] += 1
    return {reason: dict(counts) for reason, counts in counters.items()}


def _notes(plan: Plan) -> list[str]:
    """Other warnings to read before starting the run."""
    notes = []
    if not all(stage.known for stage in plan.stages):
        notes.append(
            "The number of dataset rows is unknown, so times, tokens and money include only the "
            "known part. Set `dataset.rows`, or `split.max_train_prompts` and "
            "`split.max_test_prompts`, or run `snakemake data`."
        )
    for stage in plan.stages:
        if NO_PRIOR in stage.basis:
            notes.append(
                f"The duration of {stage.basis[NO_PRIOR]} jobs of the stage {stage.stage} is "
                "unknown: they count as a few seconds until one of them has run."
            )
    for bill in plan.bills:
        if bill.cap and bill.to_spend is not None and bill.spent + bill.to_spend > bill.cap:
            notes.append(
                f"{bill.asked} may cost {bill.spent + bill.to_spend:.2f} USD, but its spending "
                f"cap is {bill.cap:g}."
            )
    notes += [note_of(family) for family in plan.families if family.weak]
    needed = sum(plan.gigabytes.values())
    if needed > plan.free_gigabytes:
        notes.append(
            f"{needed:,.0f} GB are needed, but only {plan.free_gigabytes:,.0f} GB are free in "
            "results/."
        )
    return notes


def _existing(folder: Path) -> Path:
    return next(each for each in [folder, *folder.resolve().parents] if each.exists())
