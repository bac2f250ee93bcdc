"""Count rows of unfinished jobs in their journals, read-only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from manybaskets.experiments import JobProfile
from manybaskets.layout import StageFiles
from manybaskets.plan.graph import PlannedJob
from manybaskets.plan.row_counts import count_rows

Profiles = Mapping[str, JobProfile]
_HAVE_ROWS = {"pilot", "generate", "respond"}


def has_rows(kind: str, profiles: Profiles) -> bool:
    """Whether the rows of a kind of job are counted.

    Args:
        profiles: profiles of the experiments' jobs, by kind.
    """
    return kind in _HAVE_ROWS or (kind in profiles and profiles[kind].counts_rows)


def rows_done(
    job: PlannedJob, root: Path, stages: Sequence[StageFiles], expected: float | None
) -> float:
    """Rows written by a job: all rows if finished, otherwise those in its outputs and journals.

    Args:
        job: a job of a kind with rows.
        root: folder to which its outputs are relative.
        stages: classes of files, one of which names the journals of its outputs.
        expected: its rows when it is finished; None if unknown.
    """
    if not job.run:
        return expected or 0.0
    found = float(sum(_rows(root / output, stages) for output in job.outputs))
    # A rejected answer has a row for every attempt.
    return found if expected is None else min(found, expected)


def _rows(output: Path, stages: Sequence[StageFiles]) -> int:
    """Rows of an output or its journal; 0 for readers without permission."""
    journal = next(filter(None, (stage.journal_of(output) for stage in stages)), None)
    if journal is None:
        return 0
    try:
        return count_rows(output) if output.exists() else _lines(journal)
    except PermissionError:
        return 0


def _lines(folder: Path) -> int:
    """Rows of the most recent journal in a work folder; others belong to other settings."""
    journals = list(folder.glob("*.jsonl")) if folder.is_dir() else []
    if not journals:
        return 0
    newest = max(journals, key=lambda path: path.stat().st_mtime)
    count = 0
    with open(newest, "rb") as file:
        while block := file.read(1 << 20):
            count += block.count(b"\n")
    return max(
        0, count - 1
    )  # the first line contains the settings; an incomplete last line does not count
