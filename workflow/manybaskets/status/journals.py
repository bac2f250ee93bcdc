"""Rows of unfinished jobs, counted in their journals without opening them for writing."""

from __future__ import annotations

from pathlib import Path

from manybaskets.plan.graph import PlannedJob
from manybaskets.plan.rows import Rows, count_rows

# Kinds of jobs whose rows are counted.
HAS_ROWS = {"pilot", "generate", "respond", "robustness_respond"} | {
    "preference_summaries", "preference_own_summaries"
}  # fmt: skip


def rows_done(job: PlannedJob, results: Path, rows: Rows, expected: float | None) -> float:
    """Rows of a job of one of the kinds above that are there: all of a finished one, else those of its
    outputs and journals."""
    if not job.run:
        return expected or 0.0
    if job.kind in ("generate", "pilot"):
        place = "pilot"
        if job.kind == "generate":
            place = f"{job.wildcards['shard']}-of-{job.wildcards['shards']}"
        found = float(_lines(results / f"work/sources/{job.wildcards['source']}/{place}"))
    elif job.kind == "robustness_respond":
        found = float(sum(_of_attack(results, results.parent.parent / o) for o in job.outputs))
    elif job.kind in ("preference_summaries", "preference_own_summaries"):
        found = float(sum(_of_summaries(results, results.parent.parent / o) for o in job.outputs))
    else:
        found = sum(_of_set(results, results.parent.parent / each, rows) for each in job.outputs)
    # An answer that was not taken has a row for every try.
    return found if expected is None else min(found, expected)


def _of_set(results: Path, output: Path, rows: Rows) -> float:
    """Rows of one prompt set and seed: `runs/<target>/<mix>/seed<n>/responses/<set>.parquet`."""
    whole = rows.sets.get(output.stem)
    if output.exists():
        return (whole or 0) * rows.turns
    target, mix, seed = output.parts[-5:-2]
    return _lines(results / f"work/responses/{target}/{mix}/{seed}/{output.stem}")


def _of_attack(results: Path, output: Path) -> int:
    """The same of `restricted/responses/<target>/<mix>/seed<n>/<set>.parquet`; 0 for who may not look."""
    try:
        if output.exists():
            return count_rows(output)
        target, mix, seed = output.parts[-4:-1]
        return _lines(results / f"restricted/work/responses/{target}/{mix}/{seed}/{output.stem}")
    except PermissionError:
        return 0


def _of_summaries(results: Path, output: Path) -> int:
    """The same of `preference/summaries/<author>.parquet`, `preference/own/<target>/<mix>/seed<n>.parquet`."""
    if output.exists():
        return count_rows(output)
    place = output.relative_to(results / "preference").with_suffix("")
    return _lines(results / "work/preference" / place)


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
