"""Reading a prompt set: its prompts, and all values of its answers in one array."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from manybaskets.layout.answer_sets import AnswerSet, ConditionFile
from manybaskets.records.measured import MEASURED
from manybaskets.records.responses import PROMPTS

Condition = tuple[str, str, int]  # model, mix, seed
DISAGREEMENT = "*"  # no judge has this name


@dataclass(frozen=True)
class ValueColumn:
    """One kind of value: a measure, a judge's score, or how far judges are apart.

    Args:
        measure: name of the measure or of the rubric.
        judge: the judge; `DISAGREEMENT` for the range of all judges' scores; empty for a measure.
    """

    measure: str
    judge: str = ""


@dataclass(frozen=True)
class Values:
    """Values of all answers to a prompt set.

    Args:
        columns: in the order of the first axis.
        values: float32 [columns, conditions, prompts]; NaN for nothing.
    """

    columns: Sequence[ValueColumn]
    values: np.ndarray


def conditions_of(answer_set: AnswerSet) -> list[Condition]:
    """Conditions that answered or have scores, in the order of the config."""
    files = [*answer_set.answers, *answer_set.scores]
    return list(dict.fromkeys((each.model, each.mix, each.seed) for each in files))


def listed_prompts(answer_set: AnswerSet) -> pl.DataFrame:
    """The prompts of a set: columns of `PROMPTS`, `category` and `reference`, each prompt once.

    Texts are null where they are withheld.
    """
    categories = _by_prompt(answer_set, answer_set.categories, "category")
    if answer_set.prompts:
        frames = [pl.read_parquet(file, columns=list(PROMPTS)) for file in answer_set.prompts]
        prompts = pl.concat(frames).unique("prompt_id", maintain_order=True)
    else:
        ids = categories.select("prompt_id").sort("prompt_id")
        prompts = ids.with_columns(
            [pl.lit(None, dtype=dtype).alias(name) for name, dtype in list(PROMPTS.items())[1:]]
        )
    references = _by_prompt(answer_set, answer_set.references, "response")
    return (
        prompts.join(categories, on="prompt_id", how="left", maintain_order="left")
        .join(references, on="prompt_id", how="left", maintain_order="left")
        .rename({"response": "reference"})
    )


def _by_prompt(answer_set: AnswerSet, files: Sequence[str], column: str) -> pl.DataFrame:
    frames = [pl.DataFrame(schema={"prompt_id": pl.String, column: pl.String})]
    for file in files:
        frame = pl.read_parquet(file)
        if "prompt_set" in frame.columns:
            frame = frame.filter(pl.col("prompt_set") == answer_set.listed_as)
        frames.append(frame.select("prompt_id", column))
    return pl.concat(frames).unique("prompt_id", keep="first", maintain_order=True)


def read_values(answer_set: AnswerSet, ids: pl.Series) -> Values:
    """All values of a set's answers to some prompts; an answer's samples are averaged.

    Args:
        ids: the prompts, in the order of the last axis.
    """
    conditions = conditions_of(answer_set)
    numbered = pl.DataFrame({"prompt_id": ids}).with_row_index("prompt")
    blocks: dict[ValueColumn, np.ndarray] = {}
    for condition, column, frame in _all_rows(answer_set):
        if condition not in conditions:
            continue
        found = frame.join(numbered, on="prompt_id", how="inner")
        if not found.height:
            continue
        if column not in blocks:
            blocks[column] = np.full((len(conditions), ids.len()), np.nan, dtype=np.float32)
        blocks[column][conditions.index(condition), found["prompt"]] = found["value"]
    columns = [
        *[each for each in blocks if not each.judge],
        *[each for each in blocks if each.judge],
    ]
    empty = np.empty((0, len(conditions), ids.len()), dtype=np.float32)
    return Values(columns, np.stack([blocks[each] for each in columns]) if columns else empty)


def _all_rows(answer_set: AnswerSet) -> Iterator[tuple[Condition, ValueColumn, pl.DataFrame]]:
    """Values with their `prompt_id`, condition by condition and column by column."""
    for file in answer_set.measured:
        yield from _measured(Path(file), answer_set.name)
    for each in answer_set.scores:
        yield from _scored(each)


def _measured(file: Path, prompt_set: str) -> Iterator[tuple[Condition, ValueColumn, pl.DataFrame]]:
    rows = (
        pl.scan_parquet(file, schema=MEASURED)
        .filter(
            (pl.col("prompt_set") == prompt_set)
            & pl.col("prompt_id").is_not_null()
            & (pl.col("draw") == 0)
            & pl.col("value").is_not_null()
        )
        .collect()
    )
    keys = ["model", "mix", "seed", "measure"]
    for (model, mix, seed, measure), frame in rows.partition_by(
        keys, as_dict=True, maintain_order=True
    ).items():
        yield (model, mix, seed), ValueColumn(measure), frame.select("prompt_id", "value")


def _scored(scores: ConditionFile) -> Iterator[tuple[Condition, ValueColumn, pl.DataFrame]]:
    condition = (scores.model, scores.mix, scores.seed)
    rows = pl.read_parquet(scores.file).filter(
        (pl.col("prompt_set") == scores.rows) & pl.col("score").is_not_null()
    )
    for (rubric, judge), frame in _groups(rows, ["rubric", "judge"]):
        yield condition, ValueColumn(rubric, judge), _means(frame, pl.col("score"))
    answer = ["prompt_id", "sample", "rubric"]
    ranges = (
        rows.group_by(answer, maintain_order=True)
        .agg(judges=pl.col("judge").n_unique(), score=pl.col("score").max() - pl.col("score").min())
        .filter(pl.col("judges") > 1)
    )
    for (rubric,), frame in _groups(ranges, ["rubric"]):
        yield condition, ValueColumn(rubric, DISAGREEMENT), _means(frame, pl.col("score"))


def _groups(rows: pl.DataFrame, keys: list[str]):
    return sorted(rows.partition_by(keys, as_dict=True).items())


def _means(rows: pl.DataFrame, value: pl.Expr) -> pl.DataFrame:
    return rows.group_by("prompt_id", maintain_order=True).agg(value=value.mean())
