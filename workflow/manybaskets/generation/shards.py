"""Shards of a source: their prompts, and joining them into one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.errors import UserError
from manybaskets.jobs.provenance import git_commit
from manybaskets.records.responses import (
    check_responses,
    read_responses,
    turns_of,
    write_responses,
)
from manybaskets.records.writing import read_metadata

_SPELLED = "prompts_with_control_text"


def shard_of(prompts: pl.DataFrame, shard: int, shards: int) -> pl.DataFrame:
    """Shard number `shard` (from 0) of `shards` fixed shards of a prompt set, by sorted id."""
    return prompts.sort("prompt_id").gather_every(shards, offset=shard)


def collect_shards(
    paths: Sequence[Path], prompts: pl.DataFrame, max_error_share: float, output: Path
) -> None:
    """Join the shards of a source into one checked file of responses.

    Raises:
        UserError: missing, extra or duplicate rows; shards made with different settings.
    """
    frame = pl.concat([read_responses(path) for path in paths])
    check_responses(frame, turns_of(prompts), str(output), 1, max_error_share)
    written = [read_metadata(path) for path in paths]
    settings = [_common(metadata) for metadata in written]
    if any(other != settings[0] for other in settings[1:]):
        raise UserError(
            what="the shards of one source were made with different settings",
            where=", ".join(map(str, paths)),
            expected="the same model, sampling and versions in all shards",
            remedy="delete the older shards and rerun the same command",
        )
    shortened = sum(metadata["shortened_prompts"] for metadata in written)
    served = sorted({name for metadata in written for name in metadata["served"]})
    reasoned = sum(metadata.get("answers_with_reasoning", 0) for metadata in written)
    own: dict[str, Any] = {
        "shortened_prompts": shortened,
        "answers_with_reasoning": reasoned,
        "served": served,
        "git_commit": git_commit(),
    }
    if all(_SPELLED in metadata for metadata in written):
        own[_SPELLED] = sum(metadata[_SPELLED] for metadata in written)
    write_responses(frame, output, settings[0] | own)


def _common(metadata: Mapping[str, Any]) -> dict[str, Any]:
    own = {"shortened_prompts", "answers_with_reasoning", _SPELLED, "served", "git_commit"}
    return {key: value for key, value in metadata.items() if key not in own}


def human_responses(split: pl.DataFrame) -> list[dict[str, Any]]:
    """The human answers to the training prompts as responses, one for every turn, without token
    counts."""
    used = split.filter(pl.col("used") & (pl.col("split") != "test"))
    nothing = dict.fromkeys(("prompt_tokens", "completion_tokens", "error"))
    rows = []
    columns = ("prompt_id", "follow_ups", "response", "follow_up_responses")
    for prompt_id, follow_ups, first, later in used.select(columns).iter_rows():
        answers = [first, *later] if first is not None else [None] * (1 + len(follow_ups))
        rows += [
            {"prompt_id": prompt_id, "sample": 0, "turn": turn, "text": text, "attempts": 1}
            | {"finish_reason": "stop" if text is not None else "error", **nothing}
            for turn, text in enumerate(answers)
        ]
    return rows
