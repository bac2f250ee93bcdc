"""What the classes of files have in common."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path

from manybaskets.config.study import Study


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

    def patterns(self) -> dict[str, Path]:
        """The pattern of every kind of file, by the name of its method."""
        return {
            name: getattr(self, name)()
            for name, method in inspect.getmembers(type(self), inspect.isfunction)
            if _gives_a_path(name, method)
        }

    def given(self) -> dict[str, str]:
        """Files of the user's that the stage reads, by their keys in the config."""
        return {}


def _gives_a_path(name: str, method: object) -> bool:
    """Whether a method names one file, with a pattern where no argument is given."""
    signature = inspect.signature(method)
    left_out = [each.default for each in list(signature.parameters.values())[1:]]
    return (
        not name.startswith("_")
        and signature.return_annotation in ("Path", Path)
        and inspect.Parameter.empty not in left_out
    )
