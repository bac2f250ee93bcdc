"""The dataset card of a source."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.cards.origins import (
    Origin,
    _dataset_licence,
    _facts,
    _made_by,
    _origin_licence,
    _system_turn,
)
from manybaskets.cards.rendering import (
    _ROWS_AT_A_TIME,
    _header,
    _lengths,
    _template,
    _total,
    _words,
    _write_rows,
)
from manybaskets.jobs.provenance import git_commit
from manybaskets.records.responses import FITTED, long_prompt_counts, read_responses
from manybaskets.records.writing import write_text

SOURCE_ROWS = pl.Schema(
    {
        "prompt_id": pl.String,
        "sample": pl.Int32,
        "turn": pl.Int32,
        "instruction": pl.String,
        "context": pl.String,
        "follow_up": pl.String,  # the later question that this turn answers; null in the first turn
        "response": pl.String,
        "finish_reason": pl.String,
        "prompt_tokens": pl.Int32,
        "completion_tokens": pl.Int32,
        "attempts": pl.Int32,
        "error": pl.String,
    }
)


def source_rows(responses: pl.DataFrame, prompts: pl.DataFrame) -> pl.DataFrame:
    """Answers joined with their prompts, with the columns of `SOURCE_ROWS`, sorted."""
    questions = prompts.select("prompt_id", "instruction", "context", "follow_ups")
    later = pl.col("follow_ups").list.get(pl.col("turn") - 1, null_on_oob=True)
    return (
        responses.join(questions, on="prompt_id", how="left")
        .with_columns(follow_up=pl.when(pl.col("turn") > 0).then(later))
        .rename({"text": "response"})
        .sort("prompt_id", "sample", "turn")
        .select(SOURCE_ROWS.names())
    )


def write_source_card(
    origin: Origin,
    *,
    study: str,
    dataset: Mapping[str, Any],
    responses: Path,
    prompts: Path,
    rows: Path,
    card: Path,
) -> None:
    """Write a source's rows (answers with their prompts) and their card.

    Args:
        study: name of the study.
        dataset: result of `dataset_settings`.
        responses: checked responses of the source.
        prompts: its prompts, with the columns of `records.PROMPTS`.
        rows: Parquet file to write; the card is written to the same folder.
    """
    answers = read_responses(responses)
    frame = source_rows(answers, pl.read_parquet(prompts))
    _write_rows(frame.iter_slices(_ROWS_AT_A_TIME), SOURCE_ROWS, rows)
    text = _template("source_card.md.j2").render(
        header=_header(
            f"Answers of {origin.name} ({study})",
            [origin],
            dataset,
            frame.height,
            {"train": rows.name},
        ),
        origin=origin,
        study=study,
        made_by=_made_by(origin),
        facts=_facts(origin),
        system=_system_turn(origin),
        counts=_counts(answers, origin),
        long_prompts=long_prompt_counts(prompts).get(FITTED),
        lengths=_lengths(
            {
                "characters": answers["text"].str.len_chars(),
                "words": _words(answers["text"]),
                "tokens": answers.filter(pl.col("text").is_not_null())["completion_tokens"],
            }
        ),
        licences=[_dataset_licence(dataset), _origin_licence(origin)],
        folder=card.parent.as_posix(),
        files=[card.name, rows.name],
        commit=origin.metadata.get("git_commit") or git_commit(),
    )
    write_text(text, card)


def _counts(answers: pl.DataFrame, origin: Origin) -> list[tuple[str, str]]:
    failed = answers["finish_reason"] == "error"
    apart = answers["error"].str.starts_with("not taken").fill_null(False)
    counts = {
        "rows": answers.height,
        "prompts": answers["prompt_id"].n_unique(),
        "rows without an answer": int(failed.sum()),
        "of these, answers rejected by the quality checks": int(apart.sum()),
        "answers truncated at the token limit": None
        if origin.metadata.get("engine") == "replay"
        else int((answers["finish_reason"] == "length").sum()),
        "rows asked more than once": int((answers["attempts"] > 1).sum()),
        "prompts shortened to fit": origin.metadata.get("shortened_prompts", 0),
        "prompts that spell a control token, read as text": origin.metadata.get(
            "prompts_with_control_text"
        ),
        "reasoning removed from": origin.metadata.get("answers_with_reasoning", 0),
        "tokens in, for these rows": _total(answers["prompt_tokens"]),
        "tokens out, for these rows": _total(answers["completion_tokens"]),
    }
    return [(name, "not counted" if n is None else str(n)) for name, n in counts.items()]
