"""Rows of unfinished jobs, counted in their journals without opening them for writing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from manybaskets.experiments import JobProfile, StudyRows
from manybaskets.plan.graph import PlannedJob
from manybaskets.plan.row_counts import count_rows

Profiles = Mapping[str, JobProfile]
_HAVE_ROWS = {"pilot", "generate", "respond"}


def has_rows(kind: str, profiles: Profiles) -> bool:
    """Whether the rows of a kind of job are counted.

    Args:
        profiles: of the experiments' jobs, by kind.
    """
    return kind in _HAVE_ROWS or (kind in profiles and profiles[kind].journal is not None)


def rows_done(
    job: PlannedJob, results: Path, rows: StudyRows, expected: float | None, profiles: Profiles
) -> float:
    """Rows that a job has written: all of a finished one, else those of its outputs and journals.

    Args:
        job: of a kind that has rows.
        expected: its rows when it is finished; None if unknown.
        profiles: of the experiments' jobs, by kind.
    """
    if not job.run:
        return expected or 0.0
    if job.kind in ("generate", "pilot"):
        place = "pilot"
        if job.kind == "generate":
            place = f"{job.wildcards['shard']}-of-{job.wildcards['shards']}"
        found = float(_lines(results / f"work/sources/{job.wildcards['source']}/{place}"))
    elif job.kind in profiles:
        journal = profiles[job.kind].journal
        files = [results.parent.parent / output for output in job.outputs]
        found = float(sum(_of_experiment(results, file, journal) for file in files))
    else:
        found = sum(_of_set(results, results.parent.parent / each, rows) for each in job.outputs)
    # An answer that was not taken has a row for every try.
    return found if expected is None else min(found, expected)


def _of_set(results: Path, output: Path, rows: StudyRows) -> float:
    """Rows of one prompt set and seed: `runs/<target>/<mix>/seed<n>/responses/<set>.parquet`."""
    whole = rows.sets.get(output.stem)
    if output.exists():
        return (whole or 0) * rows.turns
    target, mix, seed = output.parts[-5:-2]
    return _lines(results / f"work/responses/{target}/{mix}/{seed}/{output.stem}")


def _of_experiment(results: Path, output: Path, journal: Callable[[str], str]) -> int:
    """Rows of an experiment's output or its journal; 0 for readers without permission."""
    try:
        if output.exists():
            return count_rows(output)
        return _lines(results / journal(output.relative_to(results).as_posix()))
    except PermissionError:
        return 0


def _lines(folder: Path) -> int:
    """Rows of the journal in a work folder that was written last; others are of other settings."""
    journals = list(folder.glob("*.jsonl")) if folder.is_dir() else []
    if not journals:
        return 0
    newest = max(journals, key=lambda path: path.stat().st_mtime)
    count = 0
    with open(newest, "rb") as file:
        while block := file.read(1 << 20):
            count += block.count(b"\n")
    return max(0, count - 1)  # the first line holds the settings; a torn last one does not count
