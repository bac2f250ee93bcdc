"""Rows of a training set in chat form, and their file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.chat import Prompt
from manybaskets.mixes.eligibility import (
    _fail,
    _require_answers,
    _require_none,
    training_prompts,
)
from manybaskets.records.responses import RESPONSES, expected_rows, turns_of
from manybaskets.records.writing import write_text

_KEYS = {"messages", "prompt_id", "source", "sample", "part", "split"}


def build_mix(
    prompts: pl.DataFrame,
    eligibility: pl.DataFrame,
    assignment: pl.DataFrame,
    responses: Mapping[str, pl.DataFrame],
    system_prompt: str,
) -> list[dict[str, Any]]:
    """Build the rows of a mix: one conversation per eligible prompt, with its provenance.

    All answers of a conversation are from one source, because each continues its own earlier
    answers.

    Args:
        prompts: result of `training_prompts`; a column `context_characters` (null: all) limits the
            context.
        eligibility: result of `eligibility`.
        assignment: result of `assign` for at least the eligible prompts.
        responses: responses by source, at least for the sources of the mix; sample 0 is used.
        system_prompt: text of the system turn; empty for none.

    Returns:
        Rows `messages, prompt_id, source, sample, part, split`, sorted by `prompt_id`.

    Raises:
        UserError: a prompt is not in train or validation, has no source, or has an unanswered turn;
            or no train or no validation prompt is left.
    """
    if training_prompts(prompts).height != prompts.height:
        _fail("the mix was given prompts outside train and validation", "the prompts of the mix",
              "only train and validation prompts in use")  # fmt: skip
    chosen = prompts.join(eligibility.filter("eligible"), on="prompt_id", how="semi")
    chosen = chosen.join(assignment, on="prompt_id", how="left")
    for side in sorted(set(prompts["split"]) - set(chosen["split"])):
        reasons = eligibility.filter(~pl.col("eligible"))["reason"].value_counts(sort=True).rows()
        _fail(f"no {side} prompt is left of {prompts.height} prompts: {dict(reasons)}",
              "the eligibility of prompts",
              "prompts that every source answered within `training.max_length` tokens",
              "raise `training.max_length`, or check the sources' answers")  # fmt: skip
    _require_none(chosen.filter(pl.col("source").is_null()), "prompts have no source", "the mix")
    used = chosen["source"].unique().sort().to_list()
    nothing = pl.DataFrame(schema=RESPONSES)
    answers = [
        responses.get(source, nothing)
        .filter(pl.col("sample") == 0)
        .select("prompt_id", pl.lit(source).alias("source"), "sample", "turn", "text")
        for source in used
    ]
    turns = expected_rows(turns_of(chosen)).join(
        chosen.select("prompt_id", "source"), on="prompt_id"
    )
    keys = ["prompt_id", "source", "sample", "turn"]
    joined = turns.join(pl.concat(answers), on=keys, how="left")
    for source in used:
        lacking = joined.filter((pl.col("source") == source) & pl.col("text").is_null())
        _require_answers(lacking, source)
    spoken = joined.sort("turn").group_by("prompt_id", "sample", maintain_order=True).agg("text")
    system = [{"role": "system", "content": system_prompt}] if system_prompt else []
    return [
        {
            "messages": [*system, *_turns(row)],
            **{key: row[key] for key in ("prompt_id", "source", "sample", "part", "split")},
        }
        for row in chosen.join(spoken, on="prompt_id").sort("prompt_id").iter_rows(named=True)
    ]


def _turns(row: Mapping[str, Any]) -> list[dict[str, str]]:
    """Alternating user and assistant turns, from a prompt's columns and its answers in `text`."""
    prompt = Prompt(row["prompt_id"], row["instruction"], row["context"], tuple(row["follow_ups"]))
    return prompt.conversation(row["text"], row.get("context_characters"))


def write_mix(rows: Iterable[Mapping[str, Any]], path: Path) -> None:
    """Write a mix as JSON lines, atomically."""
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    write_text("".join(lines), path)


def read_mix(path: Path) -> list[dict[str, Any]]:
    """Read a file written by `write_mix`.

    Raises:
        UserError: the file is missing, or a line is not a mix row.
    """
    try:
        lines = Path(path).read_bytes().removesuffix(b"\n").split(b"\n")
    except OSError as error:
        _fail(f"the mix cannot be read: {error.strerror}", str(path), "a JSON lines file")
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
        except ValueError as error:
            _fail(f"the line is not JSON: {error}", f"{path}, line {number}", "a mix row")
        if not isinstance(row, dict) or not row.keys() >= _KEYS:
            _fail("the line is not a mix row", f"{path}, line {number}",
                  f"an object with the keys {sorted(_KEYS)}")  # fmt: skip
        rows.append(row)
    return rows
