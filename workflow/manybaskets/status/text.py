"""A status as text for a terminal."""

from __future__ import annotations

from manybaskets.plan.table import NOTHING, aligned, time_of
from manybaskets.status.study_status import StageProgress, Status

_MOST = 12  # maximum lines of failures, running and waiting jobs; the rest is counted


def status_as_text(status: Status) -> str:
    """The status as printed."""
    now = status.now
    head = f"Status of the study {status.study}: "
    head += "a run holds the folder" if now.held else "no run holds the folder"
    blocks = [head, aligned((_HEADER, [_row(each) for each in status.progress]))]
    blocks.append(_left(status))
    if now.running:
        lines = [f"{job.log}  ({job.holder})  {job.progress}".rstrip() for job in now.running]
        blocks.append(_listed(f"Running jobs: {len(lines)}", lines))
    blocks += _queued(status)
    if status.failures:
        lines = [f"{each.count} × {each.kind}: {each.message}\n      {each.where}"
                 for each in status.failures]  # fmt: skip
        blocks.append(_listed("Failures", lines))
    else:
        blocks.append("No failures.")
    return "\n\n".join(blocks)


_HEADER = ("stage", "of", "rows", "expected", "%", "jobs done", "jobs", "time left", "based on")


def _row(each: StageProgress) -> list[str]:
    finished = each.done == each.jobs
    rows = NOTHING if each.rows is None else f"{each.rows:,.0f}"
    expected = NOTHING
    if each.rows is not None:
        expected = "unknown" if each.expected is None else f"{each.expected:,.0f}"
    share = each.done / each.jobs
    if each.rows is not None and each.expected:
        share = each.rows / each.expected
    return [
        each.stage,
        each.of,
        rows,
        expected,
        f"{100 * share:.0f}",
        str(each.done),
        str(each.jobs),
        NOTHING if finished else time_of(each.seconds),
        "" if finished else "measured" if each.measured else "prior",
    ]


def _left(status: Status) -> str:
    if all(each.done == each.jobs for each in status.progress):
        return "All results exist; `snakemake -n` shows whether they are up to date."
    line = f"Time left: {time_of(status.seconds)} for all jobs one after the other"
    several = status.now.at_a_time
    if several > 1:
        line += f", {time_of(status.seconds / several)} with {several} at a time, as now"
    return line + "; `snakemake plan` takes dependencies into account."


def _queued(status: Status) -> list[str]:
    now = status.now
    if now.trouble:
        return [f"The scheduler's queue is unknown: {now.trouble}."]
    if not now.queue:
        return []
    lines = [f"{job.number}  {job.state:<10} {job.used} of {job.limit}  {job.reason}  "
             f"{job.work.removeprefix('rule_').replace('_wildcards_', ' ')}"
             for job in sorted(now.queue, key=lambda job: job.state != "RUNNING")]  # fmt: skip
    return [_listed(f"In the scheduler's queue: {len(lines)}", lines)]


def _listed(heading: str, lines: list[str]) -> str:
    more = [f"and {len(lines) - _MOST} more"] if len(lines) > _MOST else []
    return "\n  ".join([heading, *lines[:_MOST], *more])
