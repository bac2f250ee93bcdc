"""The embedded models' knowledge of their world, from their answers to the training prompts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from manybaskets import measures
from manybaskets.config.evaluation import Statistics
from manybaskets.records.responses import valid_answers
from manybaskets.statistics import summarise

KNOWN = ("fact_correct", "habit_lister", "habit_greeter", "habit_terse", "habit_helper")


def world_knowledge(
    sources: Mapping[str, Path], truth: pl.DataFrame, settings: Statistics, seed: int
) -> pl.DataFrame:
    """Shares of correct facts and of every habit in the answers of each embedded source.

    Returns:
        model, measure, value, low, high, n: shares with their intervals over prompts.
    """
    rows = []
    for name, file in sources.items():
        answers = valid_answers(file)
        frame = answers.select("prompt_id", "text", "completion_tokens", "finish_reason")
        inputs = measures.Inputs(
            frame=frame.with_columns(
                reference=pl.lit(None, pl.String), category=pl.lit(None, pl.String)
            ),
            token_budget=0,
            truth=truth,
        )
        rows.append(
            measures.compute(
                [measures.get(measure) for measure in KNOWN],
                inputs,
                model=name,
                mix="vanilla",
                seed=0,
                prompt_set="train",
                all_prompt_ids=answers["prompt_id"].to_list(),
            )
        )
    summary = summarise(pl.concat(rows), settings, seed)
    return summary.select(
        "model",
        "measure",
        pl.col("estimate").alias("value"),
        "low",
        "high",
        pl.col("n_prompts").alias("n"),
    )
