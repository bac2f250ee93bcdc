"""Files that the user brings."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from manybaskets.errors import UserError
from manybaskets.layout.stage import StageFiles


def check_given(stages: Iterable[StageFiles], absent: Collection[str] = ()) -> None:
    """Check, before a run, that the user's files exist.

    Args:
        absent: files that are not needed as long as copied results are, see `records.file_times`.

    Raises:
        UserError: the first that does not.
    """
    for stage in stages:
        for key, file in stage.given().items():
            if not Path(file).is_file() and file not in absent:
                raise UserError(
                    what="the file does not exist",
                    where=f"{key}: {file}",
                    expected="a path that starts in the working directory",
                    remedy=f"put the file there (docs/ says where those of published studies come from), "
                    f"or correct {key}",
                )
