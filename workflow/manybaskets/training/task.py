"""The task of training processes: a folder with a recipe and encoded rows."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from manybaskets.config.training import Training
from manybaskets.records.writing import write_json, write_table

TASK, ROWS, RESULT = "task.json", "rows.parquet", "result.json"


class Task(NamedTuple):
    """The task of the training processes.

    Args:
        model: folder of the target.
        name: name of the target.
        recipe: the target's section `training` with batch size and processes filled in.
        seed: training seed.
        threads: total threads of all processes.
        pad: token id that fills up rows.
        vocabulary: number of tokens of the target's tokenizer.
        trackers: folder for the files of trackers.
        run: name of the run in trackers.
        memory_mb: main memory of the job, in MB; None for what the machine has.
    """

    model: str
    name: str
    recipe: dict[str, Any]
    seed: int
    threads: int
    pad: int
    vocabulary: int
    trackers: str
    run: str
    memory_mb: int | None = None

    @property
    def training(self) -> Training:
        """The recipe, checked."""
        return Training(**self.recipe)


def write_task(task: Task, rows: Mapping[str, Sequence[dict]], folder: Path) -> None:
    """Write the processes' task to their folder."""
    columns = {"split": [], "input_ids": [], "labels": []}
    for split, encoded in rows.items():
        for row in encoded:
            columns["split"].append(split)
            columns["input_ids"].append(row["input_ids"])
            columns["labels"].append(row["labels"])
    ids = pl.List(pl.Int32)
    schema = {"split": pl.String, "input_ids": ids, "labels": ids}
    write_table(pl.DataFrame(columns, schema=schema), folder / ROWS)
    write_json(task._asdict(), folder / TASK)


def read_task(folder: Path) -> Task:
    """Read the task that `write_task` wrote."""
    return Task(**json.loads((folder / TASK).read_text(encoding="utf-8")))


def read_encoded(folder: Path, split: str) -> list[dict]:
    """Encoded rows of a split, `train` or `validation`."""
    frame = pl.read_parquet(folder / ROWS).filter(pl.col("split") == split)
    return frame.select("input_ids", "labels").to_dicts()


def steps_of(training: Training, rows: int) -> int:
    """Optimiser steps of a training: a pass covers every row, its last step may have fewer rows."""
    together = training.batch_size * (training.processes or 1)
    per_pass = math.ceil(math.ceil(rows / together) / training.accumulation)
    return max(1, math.ceil(per_pass * training.epochs))
