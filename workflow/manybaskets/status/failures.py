"""Failures: jobs that ended with or without a message, and rows without an answer."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from manybaskets.layout import Files
from manybaskets.names import HUMAN

_TAIL = 6000  # bytes; a message with its log path is shorter
_NUMBERS = re.compile(r"\d+")
FAILED, SILENT = "job failed", "job ended without a message"
_MOST = 5  # messages shown at the end of a run
ROWS, REFUSED, UNREADABLE = "rows failed", "not taken", "unreadable file"


@dataclass(frozen=True)
class Failure:
    """Failures of one kind.

    Args:
        kind: one of the constants of this module.
        message: the common message, with the numbers of the first failure.
        count: number of jobs or rows.
        where: the first log or file.
    """

    kind: str
    message: str
    count: int
    where: str


def failures(files: Files, killed: Iterable[Path]) -> list[Failure]:
    """All failures of a study by kind, the most common first.

    Args:
        killed: logs of jobs whose process no longer exists.
    """
    kinds: list[tuple[str, str, int, str]] = []
    silent = set(killed)
    for log in sorted(files.logs.rglob("*.log")):
        message = last_error(log)
        if message:
            kinds.append((FAILED, message, 1, str(log)))
        elif log in silent:
            kinds.append(
                (
                    SILENT,
                    "the process no longer exists: it was killed, or its machine went down",
                    1,
                    str(log),
                )
            )
    kinds += _refused(files)
    kinds += _failed_rows(files)
    groups: dict[tuple[str, str], list[tuple[str, int, str]]] = {}
    for kind, message, count, where in kinds:
        groups.setdefault((kind, _NUMBERS.sub("#", message)), []).append((message, count, where))
    together = [
        Failure(kind, each[0][0], sum(count for _, count, _ in each), each[0][2])
        for (kind, _), each in groups.items()
    ]
    return sorted(together, key=lambda failure: (failure.kind, -failure.count))


def failed_in_run(files: Files, since: float) -> str:
    """Messages of failed jobs in a run, each once.

    Args:
        since: when the run began, in seconds since 1970.
    """
    logs_of_message: dict[str, list[tuple[str, Path]]] = {}
    for log in sorted(files.logs.rglob("*.log")):
        message = _message(log) if log.stat().st_mtime >= since else None
        if message:
            logs_of_message.setdefault(_NUMBERS.sub("#", message), []).append((message, log))
    messages = []
    for each in list(logs_of_message.values())[:_MOST]:
        (message, log), others = each[0], len(each) - 1
        messages.append(f"{message}\n  log:      {log}{f', and {others} more' if others else ''}")
    if len(logs_of_message) > _MOST:
        messages.append(
            f"and {len(logs_of_message) - _MOST} more kinds of failures: `snakemake status`"
        )
    if not messages:
        return "What failed: no job left a message; see the logs named above."
    return "\n\n".join(["What failed:", *messages])


def last_error(log: Path) -> str | None:
    """First line of a failed job's message; None if it did not fail.

    A job overwrites its log, so the message is from the last attempt.
    """
    message = _message(log)
    return message and message.splitlines()[0]


def _message(log: Path) -> str | None:
    """The complete message of a failed job."""
    with open(log, "rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - _TAIL))
        tail = "\n" + file.read().decode("utf-8", "replace")
    _, separator, message = tail.rpartition("\nERROR: ")
    return message.strip() if separator else None


def _refused(files: Files) -> Iterator[tuple[str, str, int, str]]:
    """Rejected answers by reason; shards of a collected source count there."""
    for source in _answering(files):
        whole, shards = files.sources.quarantine(source), files.sources.quarantines(source)
        for file in [whole] if whole.exists() else shards:
            if file.exists() and file.stat().st_size:
                lines = file.read_text(encoding="utf-8").splitlines()
                for reason, count in Counter(json.loads(line)["reason"] for line in lines).items():
                    yield REFUSED, f"{source}: {reason}", count, str(file)


def _failed_rows(files: Files) -> Iterator[tuple[str, str, int, str]]:
    """Rows in finished answers on which an engine failed."""
    for source in _answering(files):
        whole = files.sources.answers(source)
        answers = [whole] if whole.exists() else files.sources.shards(source)
        yield from _errors(f"source {source}", answers)
    prompt_sets = files.study.all_prompt_sets()
    for target in files.study.targets:
        runs = files.runs.of_target()
        answers = [files.runs.responses(target, *run, name) for run in runs for name in prompt_sets]
        yield from _errors(f"runs of {target}", answers)


def _answering(files: Files) -> list[str]:
    """Sources whose answers can fail."""
    return sorted(name for name in files.study.used_sources() if name != HUMAN)


def _errors(who: str, answers: Sequence[Path]) -> Iterator[tuple[str, str, int, str]]:
    for file in filter(Path.exists, answers):
        try:
            messages = _messages(file)
        except (OSError, pl.exceptions.PolarsError) as error:
            yield UNREADABLE, f"{who}: {str(error).splitlines()[0]}", 1, str(file)
            continue
        for message, count in messages.items():
            if not message.startswith("not taken"):
                yield ROWS, f"{who}: {message.splitlines()[0]}", count, str(file)


def _messages(file: Path) -> dict[str, int]:
    """Messages of a file's failed rows, counted."""
    errors = pl.scan_parquet(file).select("error").filter(pl.col("error") != "").collect()["error"]
    return dict(errors.value_counts().iter_rows()) if len(errors) else {}
