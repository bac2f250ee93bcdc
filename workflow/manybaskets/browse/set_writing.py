"""Writing a prompt set for the page: its list of prompts, its texts in chunks, its values by column.

Files of a set, below `data/<number of the set>/`:

- `index`: ids, categories and beginnings of all prompts, and the first prompt of every chunk.
- `texts-<chunk>`: prompts with all answers and values, about a megabyte before packing.
- `values-<column>`: one number per condition and prompt, read when prompts are sorted or filtered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl

from manybaskets.browse.packing import (
    Write,
    five_digits,
    number_bytes,
    to_json,
    write_packed,
    write_value,
)
from manybaskets.browse.set_reading import Condition, Values, conditions_of
from manybaskets.layout.answer_sets import AnswerSet

HEAD = 100  # characters of a prompt in the list
CHUNK_BYTES, CHUNK_PROMPTS = 1_000_000, 200
_ANSWERS_AT_ONCE = 200_000  # answers in memory
_ANSWER = ["sample", "turn", "text", "finish_reason", "error"]


def write_set(
    write: Write,
    number: int,
    answer_set: AnswerSet,
    prompts: pl.DataFrame,
    values: Values,
    repeated: Sequence[int] = (),
) -> None:
    """Write all files of a set.

    Args:
        number: of the set on the page.
        prompts: those that are shown, as `listed_prompts` gives them.
        values: theirs.
        repeated: rows of `prompts` whose ids an earlier set has too.
    """
    for column, numbers in enumerate(values.values):
        write_packed(write, f"{number}/values-{column}", number_bytes(numbers))
    starts, chunk, size = [0] if prompts.height else [], [], 0
    for row, entry in enumerate(_entries(answer_set, prompts, values)):
        if chunk and (size + len(entry) > CHUNK_BYTES or len(chunk) == CHUNK_PROMPTS):
            _write_texts(write, number, len(starts) - 1, chunk)
            starts.append(row)
            chunk, size = [], 0
        chunk.append(entry)
        size += len(entry)
    if chunk:
        _write_texts(write, number, len(starts) - 1, chunk)
    categories = prompts["category"].fill_null("").unique(maintain_order=True).sort()
    places = {name: place for place, name in enumerate(categories)}
    index = {
        "ids": prompts["prompt_id"].to_list(),
        "categories": categories.to_list(),
        "category": [places[name] for name in prompts["category"].fill_null("")],
        "heads": [_head(*texts) for texts in prompts.select("instruction", "context").iter_rows()],
        "starts": starts,
        "repeated": list(repeated),
    }
    write_value(write, f"{number}/index", index)


def _write_texts(write: Write, number: int, chunk: int, entries: Sequence[bytes]) -> None:
    write_packed(write, f"{number}/texts-{chunk}", b"[" + b",".join(entries) + b"]")


def _head(instruction: str | None, context: str | None) -> str:
    text = " ".join((instruction or context or "").split())
    return text if len(text) <= HEAD else text[: HEAD - 1] + "…"


def _entries(answer_set: AnswerSet, prompts: pl.DataFrame, values: Values) -> Iterator[bytes]:
    """Each prompt with its answers and values, as JSON."""
    conditions = conditions_of(answer_set)
    numbers = five_digits(np.moveaxis(values.values, 2, 0)).astype(object)
    numbers[np.equal(numbers, numbers) == False] = None  # noqa: E712 - NaN differs from itself
    at_once = max(1, _ANSWERS_AT_ONCE // max(1, len(conditions)))
    for start in range(0, prompts.height, at_once):
        some = prompts[start : start + at_once]
        answers = _answers(answer_set, conditions, some["prompt_id"])
        columns = ["prompt_id", "instruction", "context", "follow_ups", "reference"]
        for row, (prompt_id, instruction, context, follow_ups, reference) in enumerate(
            some.select(columns).iter_rows()
        ):
            yield to_json(
                {
                    "instruction": instruction,
                    "context": context or "",
                    "followUps": follow_ups or [],
                    "reference": reference,
                    "answers": answers.get(prompt_id, []),
                    "values": numbers[start + row].tolist(),
                }
            )


def _answers(
    answer_set: AnswerSet, conditions: Sequence[Condition], ids: pl.Series
) -> dict[str, list[list[Any]]]:
    """Answers to some prompts by prompt id: number of the condition, then the columns of `_ANSWER`."""
    found: dict[str, list[list[Any]]] = {}
    for each in answer_set.answers:
        condition = conditions.index((each.model, each.mix, each.seed))
        rows = (
            pl.scan_parquet(each.file)
            .filter(pl.col("prompt_id").is_in(ids.implode()))
            .select("prompt_id", *_ANSWER)
            .collect()
            .sort("sample", "turn", maintain_order=True)
        )
        for prompt_id, *answer in rows.iter_rows():
            found.setdefault(prompt_id, []).append([condition, *answer])
    return found
