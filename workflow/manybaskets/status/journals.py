"""Rows of unfinished jobs, counted in their journals without opening them for writing."""

from __future__ import annotations

from pathlib import Path

from manybaskets.config.study import Study
from manybaskets.experiments import StudyRows, job_profiles
from manybaskets.layout import Files, read_path
from manybaskets.plan.graph import PlannedJob
from manybaskets.plan.row_counts import count_rows

_HAVE_ROWS = {"pilot", "generate", "respond"}


class Journals:
    """The rows that a study's jobs have written.

    Args:
        rows: how many rows the study has.
        root: folder in which Snakemake runs.
    """

    def __init__(self, study: Study, rows: StudyRows, root: Path) -> None:
        self.rows, self.root = rows, root
        self.files, self.profiles = Files(study), job_profiles(study)

    def have_rows(self, job: PlannedJob) -> bool:
        """Whether a job's rows are counted."""
        profile = self.profiles.get(job.kind)
        return job.kind in _HAVE_ROWS or bool(profile and profile.journal)

    def rows_done(self, job: PlannedJob, expected: float | None) -> float:
        """Rows that a job has written: all of a finished one, else those of its outputs and journals.

        Args:
            job: of a kind that has rows.
            expected: its rows when it is finished; None if unknown.
        """
        if not job.run:
            return expected or 0.0
        if job.kind == "generate":
            found = float(self._lines(self.files.sources.shard_work(**job.wildcards)))
        elif job.kind == "pilot":
            found = float(self._lines(self.files.sources.pilot_work(**job.wildcards)))
        elif job.kind == "respond":
            found = sum(self._of_responses(Path(output)) for output in job.outputs)
        else:
            found = float(sum(self._of_experiment(job, Path(output)) for output in job.outputs))
        # An answer that was not taken has a row for every try.
        return found if expected is None else min(found, expected)

    def _of_responses(self, output: Path) -> float:
        names = read_path(self.files.runs.responses(), output)
        if (self.root / output).exists():
            return (self.rows.sets.get(names["prompt_set"]) or 0) * self.rows.turns
        return self._lines(self.files.runs.responses_journal(**names))

    def _of_experiment(self, job: PlannedJob, output: Path) -> int:
        """Rows of an experiment's output or its journal; 0 for readers without permission."""
        try:
            if (self.root / output).exists():
                return count_rows(self.root / output)
            return self._lines(self.profiles[job.kind].journal(output))
        except PermissionError:
            return 0

    def _lines(self, folder: Path) -> int:
        return _lines(self.root / folder)


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
