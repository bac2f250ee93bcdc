"""The browser of answers as a folder."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from manybaskets.browse.study_page import write_browser
from manybaskets.layout.answer_sets import AnswerSet


def write_folder(folder: Path, sets: Sequence[AnswerSet], *, study: str, seed: int) -> None:
    """Write the browser into a folder, in place of an earlier one.

    Args:
        folder: becomes the page `index.html` and the folder `data`.
        sets, study, seed: as in `write_browser`.
    """
    shutil.rmtree(folder, ignore_errors=True)

    def write(name: str, content: bytes) -> None:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    write_browser(write, sets, study=study, seed=seed)
