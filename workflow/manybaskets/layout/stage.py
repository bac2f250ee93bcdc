"""What the classes of files have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from manybaskets.config.study import Study
from manybaskets.layout.patterns import read_path


@dataclass(frozen=True, eq=False)
class StageFiles:
    """Files of one stage of a study.

    A method for each kind of file gives its path. Called with names it gives one file, and what is
    left out stays in braces, as a pattern: `files.sources.answers("llama")` is
    `results/<study>/sources/llama/train.parquet`, `files.sources.answers()` is
    `results/<study>/sources/{source}/train.parquet`.

    Args:
        results: folder of the study, `results/<study>`.
    """

    study: Study
    results: Path
    # Files that are made row by row, and the folders of their journals, by the names of methods.
    journals: ClassVar[Mapping[str, str]] = {}

    def journal_of(self, file: Path) -> Path | None:
        """Folder of the journal of a file that is made row by row; None for other files."""
        for made, journal in self.journals.items():
            names = read_path(getattr(self, made)(), file)
            if names is not None:
                return getattr(self, journal)(**names)
        return None

    def given(self) -> dict[str, str]:
        """Files of the user's that the stage reads, by their keys in the config."""
        return {}

    def given_columns(self) -> dict[str, tuple[str, Mapping[str, str | None]]]:
        """Path and columns, by their keys in the config, of such files, by the key of the section."""
        return {}
