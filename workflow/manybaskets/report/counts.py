"""Counts of every stage: how many rows came in, left and why, and went on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from manybaskets.chat.prompts import prompts_of
from manybaskets.data.prompt_readers import EXCLUDED, SHORTENED
from manybaskets.generation.copies import copies_in
from manybaskets.records.responses import long_prompt_counts, read_responses
from manybaskets.records.writing import read_metadata

PROMPTS = "prompts with copied answers"
DISTINCT = "distinct answers to them"
COMMONEST = "prompts that share the commonest of them"
NEAR = " (near-copies count once)"


def count_stages(
    *,
    clean: Path,
    split: Path,
    sources: Mapping[str, Path],
    eligible: Path | None,
    mixes: Mapping[str, Path],
    models: Mapping[str, Path],
    responses: Sequence[tuple[str, Path]],
    prompts: Sequence[Path],
) -> pl.DataFrame:
    """Count all stages: columns stage, item, what, count.

    Args:
        sources: responses by source; mixes: their counts (CSV) by name.
        eligible: the prompts that all mixes share; None for a study without mixes.
        models: folders of embedded models, whose pretraining text was checked for leaks.
        responses: pairs of run and responses.
        prompts: files of the prompts that sources and runs answer.
    """
    rows: list[tuple[str, str, str, int]] = []

    def add(stage: str, item: str, what: str, count: int) -> None:
        rows.append((stage, item, what, int(count)))

    cleaning = json.loads(clean.read_text())
    add("cleaning", "dataset", "rows read", cleaning["rows"])
    for reason, count in cleaning["dropped"].items():
        add("cleaning", "dataset", f"dropped: {reason}", count)
    add("cleaning", "dataset", "system messages left out", cleaning["system_messages"])
    if "first_turns" in cleaning:
        add("cleaning", "dataset", "later turns left out", cleaning["first_turns"])
    add("cleaning", "dataset", "rows kept", cleaning["kept"])

    table = pl.read_parquet(split)
    for name in ("train", "validation", "test"):
        side = table.filter(pl.col("split") == name)
        add("split", name, "prompts", side.height)
        add("split", name, "prompts in use", side["used"].sum())
    for counts in long_prompt_counts(split).values():
        for action in (EXCLUDED, SHORTENED):
            add("split", "all prompts", f"too long for a model: {action}", counts[action])
        for prompt_set, of_set in counts.get("sets", {}).items():
            for action, count in of_set.items():
                add("split", prompt_set, f"too long for a model: {action}", count)
    parts = table.filter(pl.col("part").is_not_null()).group_by("part").len().sort("part")
    for part, count in parts.iter_rows():
        add("split", f"part {part}", "prompts", count)

    for name, folder in models.items():
        made = json.loads((folder / "pretraining.json").read_text())
        add("pretraining", name, "conversations", made["conversations"])
        add("pretraining", name, "dropped: evaluation answer", made["dropped_for_leak"])
        add("pretraining", name, "evaluation answers left in", made["evaluation_answers_left"])

    asked = {
        each.prompt_id: each.text()
        for file in prompts
        for each in prompts_of(pl.read_parquet(file))
    }
    for name, file in sources.items():
        _count_answers(add, "source", name, file, asked)

    if eligible:
        _count_shared(add, pl.read_parquet(eligible))
    for name, file in mixes.items():
        for row in pl.read_csv(file).iter_rows(named=True):
            where = f"{row['split']}, {row['source']} ({row['target']})"
            add("mixes", name, f"rows: {where}", row["rows"])
            add("mixes", name, f"answer tokens: {where}", row["answer_tokens"])

    for name, file in responses:
        _count_answers(add, "responses", name, file, asked)
    columns = {"stage": pl.String, "item": pl.String, "what": pl.String, "count": pl.Int64}
    return pl.DataFrame(rows, schema=columns, orient="row")


def _count_shared(add, shared: pl.DataFrame) -> None:
    add("mixes", "all mixes", "prompts shared", shared["eligible"].sum())
    left = (
        shared.filter(~pl.col("eligible"))
        .group_by("reason", "source")
        .len()
        .sort("reason", "source")
    )
    for reason, source, count in left.iter_rows():
        add("mixes", "all mixes", f"left: {reason} ({source})", count)
    cut = shared["context_characters"].is_not_null().sum()
    add("mixes", "all mixes", "contexts shortened", cut)


def _count_answers(add, stage: str, name: str, file: Path, asked: Mapping[str, str]) -> None:
    frame = read_responses(file)
    reasons = frame["finish_reason"]
    add(stage, name, "answers", frame.height)
    add(stage, name, "failed", (reasons == "error").sum())
    add(stage, name, "failed: not taken", frame["error"].str.starts_with("not taken").sum())
    add(stage, name, "asked more than once", (frame["attempts"] > 1).sum())
    add(stage, name, "cut at the token limit", (reasons == "length").sum())
    add(stage, name, "empty", (frame["text"] == "").sum())
    metadata = read_metadata(file)
    add(stage, name, "prompts shortened", metadata.get("shortened_prompts", 0))
    if metadata.get("prompts_with_control_text"):
        add(stage, name, "prompts with control text", metadata["prompts_with_control_text"])
    if metadata.get("answers_with_reasoning"):
        add(stage, name, "reasoning removed", metadata["answers_with_reasoning"])
    copies = copies_in(file, asked)
    if copies.noticed:
        near = NEAR * copies.near
        add(stage, name, PROMPTS + near, copies.prompts)
        add(stage, name, DISTINCT + near, copies.distinct)
        add(stage, name, COMMONEST + near, copies.most)
