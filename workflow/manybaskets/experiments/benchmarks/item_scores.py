"""Ready scores of items: a CSV file with a row per item and a column per model."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from manybaskets.errors import UserError
from manybaskets.experiments.benchmarks.score_book import Score
from manybaskets.experiments.benchmarks.score_cells import score_in
from manybaskets.experiments.benchmarks.settings import Benchmarks, ItemScores


def item_scores(
    section: Benchmarks, file: ItemScores, key: str
) -> Iterator[tuple[str, str, Score]]:
    """Model, benchmark and score (mean over items) of every column.

    Args:
        section: the config section; its models and tasks are checked already.
        key: config key of the file, for messages.

    Raises:
        UserError: a cell is no number, an item is there twice, or a model has no score.
    """
    path = Path(file.path)
    settings = file.measured_with.settings()
    scores: dict[str, dict[str, float]] = {model: {} for model in file.columns}
    seen: set[str] = set()
    with open(path, encoding="utf-8-sig", newline="") as handle:
        for line, row in enumerate(csv.DictReader(handle), 2):
            item = row.get(file.item_column) or ""
            if not item or item in seen:
                raise UserError(
                    what=f"item '{item}' is there twice" if item else "the item has no id",
                    where=f"{path}, line {line}, column '{file.item_column}'",
                    expected="a row per item, each with an id of its own",
                    remedy="remove the row; for several turns or judges, list a file for each",
                )
            seen.add(item)
            for model, column in file.columns.items():
                score = score_in(row.get(column), f"{path}, line {line}, column '{column}'")
                if score is not None:
                    scores[model][item] = score
    for model, items in scores.items():
        if not items:
            raise UserError(
                what=f"column '{file.columns[model]}' has no score",
                where=f"{key}.columns.{model}: {path}",
                expected="a number per item; empty if an item was not scored",
                remedy="correct the name of the column, or remove it",
            )
        mean = sum(items.values()) / len(items)
        yield model, file.benchmark, Score(mean, None, len(items), settings, str(path), (items,))
