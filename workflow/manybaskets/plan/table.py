"""A plan as text for a terminal, as Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import io
import textwrap
from collections.abc import Sequence

from manybaskets.plan.family_power import LARGEST, TRAINING_SD
from manybaskets.plan.making import Plan, StagePlan
from manybaskets.plan.past_jobs import NO_PRIOR
from manybaskets.plan.row_counts import UNKNOWN
from manybaskets.plan.schedule import Width

Table = tuple[Sequence[str], Sequence[Sequence[str]]]
NOTHING = "–"
_COLUMNS = 120
_STAGES = ("stage", "done", "to run", "rows", "tokens in", "tokens out", "GPU-h", "CPU-h", "from",
           "to", "disk", "times based on")  # fmt: skip


def plan_as_text(plan: Plan) -> str:
    """The plan as printed: at most 120 columns, except for long names."""
    blocks = [f"Plan of the study {plan.study}", aligned(_stages(plan)), *_summary(plan)]
    for heading, table in _tables(plan):
        blocks.append(f"{heading}\n{aligned(table)}")
    blocks += [_wrapped(f"! {note}") for note in plan.notes]
    return "\n\n".join(blocks) + "\n"


def as_markdown(plan: Plan) -> str:
    """The plan as Markdown."""
    blocks = [f"# Plan of the study {plan.study}", _piped(_stages(plan)), *_summary(plan)]
    for heading, table in _tables(plan):
        blocks.append(f"## {heading}\n\n{_piped(table)}")
    blocks += [f"- **{note}**" for note in plan.notes]
    return "\n\n".join(blocks) + "\n"


def as_csv(plan: Plan) -> str:
    """The stages, with plain numbers; times are hours, disk is gigabytes."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["stage", "jobs_done", "jobs_to_run", "rows", "tokens_in", "tokens_out",
                     "gpu_hours", "cpu_hours", "job_hours", "start_hours", "end_hours", "gigabytes",
                     "basis", "rows_known"])  # fmt: skip
    for stage in plan.stages:
        numbers = [stage.rows, stage.tokens_in, stage.tokens_out]
        hours = [stage.gpu_hours, stage.cpu_hours, stage.job_hours]
        hours += [stage.start / 3600, stage.end / 3600, stage.gigabytes]
        writer.writerow([stage.stage, stage.done, stage.to_run, *(round(n) for n in numbers),
                         *(f"{value:.5f}" for value in hours), _basis(stage), stage.known])  # fmt: skip
    return stream.getvalue()


def hours_of_stage(stage: StagePlan) -> str:
    """Remaining time of a stage: GPU-hours if any, otherwise time of its jobs."""
    return (
        f"{_hours(stage.gpu_hours)} GPU-h" if stage.gpu_hours else time_of(3600 * stage.job_hours)
    )


def _stages(plan: Plan) -> Table:
    rows = [_stage_row(stage) for stage in plan.stages]
    total = [
        "total",
        str(sum(stage.done for stage in plan.stages)),
        str(sum(stage.to_run for stage in plan.stages)),
        "",
        _tokens(sum(stage.tokens_in for stage in plan.stages)),
        _tokens(sum(stage.tokens_out for stage in plan.stages)),
        _hours(sum(stage.gpu_hours for stage in plan.stages)),
        _hours(sum(stage.cpu_hours for stage in plan.stages)),
        "",
        time_of(plan.wall),
        _gigabytes(sum(plan.gigabytes.values())),
        "",
    ]
    return _STAGES, [*rows, total]


def _stage_row(stage: StagePlan) -> list[str]:
    least = "" if stage.known else "≥ "
    return [
        stage.stage,
        str(stage.done),
        str(stage.to_run),
        least + _tokens(stage.rows),
        least + _tokens(stage.tokens_in),
        least + _tokens(stage.tokens_out),
        _hours(stage.gpu_hours),
        _hours(stage.cpu_hours),
        time_of(stage.start) if stage.to_run else NOTHING,
        time_of(stage.end) if stage.to_run else NOTHING,
        _gigabytes(stage.gigabytes),
        _basis(stage),
    ]


def _basis(stage: StagePlan) -> str:
    """Basis of the times: the most common, with numbers of jobs if there are several."""
    if len(stage.basis) <= 1:
        return "".join(stage.basis)
    measured = sum(n for basis, n in stage.basis.items() if basis.startswith("measured"))
    priors = sum(n for basis, n in stage.basis.items() if basis.startswith("prior"))
    unknown = stage.basis.get(UNKNOWN, 0)
    nothing = stage.basis.get(NO_PRIOR, 0)
    said = [(measured, "measured"), (priors, "prior"), (nothing, NO_PRIOR), (unknown, UNKNOWN)]
    return ", ".join(f"{count} {name}" for count, name in said if count)


def _summary(plan: Plan) -> list[str]:
    if not sum(stage.to_run for stage in plan.stages):
        return [f"Nothing to do. The jobs took {plan.hours_done:.2f} h."]
    wall = f"Wall time: {time_of(plan.wall)} with {_shown(plan.width)}"
    wall += f"; at least {time_of(plan.longest_path)} with any number of jobs"
    if plan.peak_gpus:
        wall += f"; at most {plan.peak_gpus} GPUs at a time"
    queue = " Queue time is not included." if plan.width.jobs is not None else ""
    lines = [f"{wall}.{queue}"]
    if plan.wall_by_gpus:
        each = [f"{gpus} GPUs {time_of(wall)}" for gpus, wall in plan.wall_by_gpus.items()]
        lines.append(f"With fewer GPUs: {', '.join(each)}.")
    if plan.hours_done:
        lines.append(
            f"Spent so far: {plan.hours_done:.2f} h of jobs, {plan.gpu_hours_done:.1f} GPU-h."
        )
    rows, sets = plan.rows, plan.rows.sets
    known = ", ".join(f"{name} {_count(count)}" for name, count in sets.items())
    lines.append(
        f"Prompts ({rows.basis}): {_count(rows.train)} answered by sources, {_count(rows.fit)} "
        f"for training, {_count(rows.validation)} for validation; answered by runs: {known}."
    )
    return ["\n".join(map(_wrapped, lines))]


def _wrapped(line: str) -> str:
    return "\n  ".join(textwrap.wrap(line, _COLUMNS - 2, break_long_words=False))


def _tables(plan: Plan) -> list[tuple[str, Table]]:
    tables: list[tuple[str, Table]] = []
    if plan.requests:
        header = (
            "jobs of",
            "number",
            "partition",
            "GPUs",
            "cores",
            "memory",
            "time limit",
            "longest",
            "submissions",
        )
        rows = [
            [each.rule, str(each.jobs), each.partition or "default", each.gpus or NOTHING,
             str(each.cores), _memory(each.memory_mb), time_of(60 * (each.minutes or 0)),
             time_of(60 * each.longest), "!" if each.submissions is None else str(each.submissions)]
            for each in plan.requests
        ]  # fmt: skip
        tables.append(
            (
                "Requested resources per job (first attempt), and the longest estimate",
                (header, rows),
            )
        )
    if plan.families:
        rows = [
            [each.family, str(each.tests), str(each.exploratory), _count(each.prompts),
             each.trainings or NOTHING,
             UNKNOWN if each.effect is None else f"{each.effect:.2f}{' !' * each.weak}"]
            for each in plan.families
        ]  # fmt: skip
        header = ("family", "tests", "exploratory", "prompts", "trainings", "smallest effect")
        heading = (
            "Smallest effect found with 80 % power, in standard deviations of paired differences; "
            f"trainings assumed\nto differ by {TRAINING_SD} of them; ! if above {LARGEST}"
        )
        tables.append((heading, (header, rows)))
    if plan.bills:
        rows = [
            [bill.asked, _tokens(bill.tokens_in), _tokens(bill.tokens_out), f"{bill.spent:.2f}",
             "unknown" if bill.to_spend is None else f"{bill.to_spend:.2f}",
             NOTHING if bill.cap is None else f"{bill.cap:g}"]
            for bill in plan.bills
        ]  # fmt: skip
        total = sum(bill.to_spend or 0 for bill in plan.bills)
        rows.append(
            ["total", "", "", f"{sum(b.spent for b in plan.bills):.2f}", f"{total:.2f}", ""]
        )
        header = ("asked", "tokens in", "tokens out", "spent", "to spend", "cap")
        tables.append(("Requests over the network, in USD at config prices", (header, rows)))
    if plan.gigabytes:
        rows = [[kind, _gigabytes(amount)] for kind, amount in plan.gigabytes.items()]
        rows.append(["free now", _gigabytes(plan.free_gigabytes)])
        tables.append(("Disk space that will be used", (("what", "size"), rows)))
    if plan.reasons:
        rows = []
        for reason, rules in plan.reasons.items():
            named = ", ".join(f"{rule} {count}" for rule, count in rules.items())
            lines = textwrap.wrap(named, 78)
            rows.append([reason, str(sum(rules.values())), lines[0]])
            rows += [["", "", line] for line in lines[1:]]
        tables.append(("Reasons to run", (("why", "jobs", "of"), rows)))
    return tables


def aligned(table: Table) -> str:
    """A table in columns for a terminal, with numbers aligned right."""
    header, rows = table
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    texts = [_is_text(column) for column in zip(*rows, strict=True)]
    lines = []
    for row in [header, ["─" * width for width in widths], *rows]:
        cells = zip(row, widths, texts, strict=True)
        line = "  ".join(f"{v:<{w}}" if left else f"{v:>{w}}" for v, w, left in cells)
        lines.append(line.rstrip())
    return "\n".join(lines)


def _piped(table: Table) -> str:
    header, rows = table
    line = "|".join("---" if left else "---:" for left in map(_is_text, zip(*rows, strict=True)))
    shown = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(["| " + " | ".join(header) + " |", f"|{line}|", *shown])


def _is_text(column: Sequence[str]) -> bool:
    """Whether a column is left-aligned: most of its cells are not numbers."""
    numbers = [cell for cell in column if cell[:1].isdigit() or cell[:1] in ("≥", NOTHING)]
    return 2 * len(numbers) < len([cell for cell in column if cell])


def _shown(width: Width) -> str:
    said = []
    for count, what in ((width.jobs, "job"), (width.cores, "core"), (width.gpus, "GPU")):
        if count is not None:
            said.append(f"{count} {what}{'' if count == 1 else 's'}")
    return f"{' and '.join(said)} at a time" if said else "no limit"


def _count(number: int | None) -> str:
    return UNKNOWN if number is None else f"{number:,}"


def _tokens(number: float) -> str:
    """A count: exact below 100,000, then in thousands (k), millions (M), billions (G)."""
    if not number:
        return NOTHING
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e5, "k")):
        if number >= size:
            return f"{number / (1e3 if unit == 'k' else size):.3g} {unit}"
    return f"{number:,.0f}"


def _hours(hours: float) -> str:
    if not hours:
        return NOTHING
    return f"{hours:,.0f}" if hours >= 100 else f"{hours:.1f}" if hours >= 1 else f"{hours:.3f}"


def time_of(seconds: float) -> str:
    """Seconds as `45 s`, `12 min`, `3:05 h` or `2 d 4 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    if hours < 48:
        return f"{hours}:{rest:02d} h"
    days, left = divmod(hours, 24)
    return f"{days} d {left} h"


def _gigabytes(amount: float) -> str:
    if not amount:
        return NOTHING
    if amount < 1:
        return f"{max(amount * 1000, 0.1):.1f} MB"
    return f"{amount:,.1f} GB" if amount < 100 else f"{amount:,.0f} GB"


def _memory(megabytes: int | None) -> str:
    return NOTHING if megabytes is None else f"{megabytes / 1000:.0f} GB"
