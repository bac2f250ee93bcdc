"""What the classes of files in `layout/` and in the experiments know of a study's files."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from pathlib import Path

from manybaskets.layout import StageFiles, read_path


def patterns_of(stage: StageFiles) -> dict[str, Path]:
    """The pattern of every kind of file that a class names, by the name of its method."""
    methods = inspect.getmembers(type(stage), inspect.isfunction)
    return {name: getattr(stage, name)() for name, method in methods if _gives_a_path(name, method)}


def _gives_a_path(name: str, method) -> bool:
    """Whether a method names one file, with a pattern where no argument is given."""
    signature = inspect.signature(method)
    left_out = [each.default for each in list(signature.parameters.values())[1:]]
    return (
        not name.startswith("_")
        and signature.return_annotation == "Path"
        and inspect.Parameter.empty not in left_out
    )


def identify(path: Path, stages: Iterable[StageFiles]) -> tuple[StageFiles, str, dict] | None:
    """The class and method that name a file, and the names in its path; None for an unknown file.

    Where several patterns fit, the one with the fewest names.
    """
    found = [
        (stage, name, names)
        for stage in stages
        for name, pattern in patterns_of(stage).items()
        if (names := read_path(pattern, path)) is not None
    ]
    return min(found, key=lambda each: len(each[2]), default=None)
