"""What the experiment gives: its statistics by name, and the readings of all judges."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import polars as pl

from manybaskets.config.study import Study
from manybaskets.experiments.preference.analysis import NAMES


def frame_names(study: Study) -> list[str]:
    """Statistics of a study by name of file; none without the section `preference`."""
    return list(NAMES) if study.preference else []


def read_all(files: Iterable[Path]) -> pl.DataFrame:
    """The readings of all judges."""
    return pl.concat([pl.read_parquet(file) for file in files])
