"""Likelihoods of the sources' answers to validation prompts, under every run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from manybaskets.config.evaluation import Scoring
from manybaskets.engines.transformers_engine import TransformersEngine
from manybaskets.errors import UserError
from manybaskets.generation.runs import in_turn
from manybaskets.names import VALIDATION, Run
from manybaskets.records.ids import row_seed
from manybaskets.records.writing import write_table
from manybaskets.scoring.likelihood import score_texts
from manybaskets.statistics.clusters import cluster_of

SCORES = pl.Schema(
    {
        "source": pl.String,
        "prompt_id": pl.String,
        "nll": pl.Float64,  # nats per token, without the end token
        "tokens": pl.Int32,  # without the end token
    }
)


def held_out(split: pl.DataFrame, eligible: pl.DataFrame, count: int, seed: int) -> list[str]:
    """Validation prompts that all mixes share: a seeded sample, at most one per text.

    Args:
        split: table of the split.
        eligible: columns of `mixes.eligibility.ELIGIBILITY`.
        count: most prompts to choose.

    Raises:
        UserError: there is no such prompt.
    """
    shared = eligible.filter("eligible").join(
        split.filter(split=VALIDATION).select("prompt_id"), on="prompt_id", how="semi"
    )["prompt_id"]
    ranked = sorted(shared, key=lambda key: (row_seed(seed, "source-likelihood", key), key))
    drawn: dict[str, str] = {}
    for key, text in zip(ranked, cluster_of(pl.Series(ranked, dtype=pl.String)), strict=True):
        drawn.setdefault(text, key)
    if not drawn:
        raise UserError(
            what="the mixes share no validation prompt",
            where="split.validation_share",
            expected="validation prompts whose answers are in all mixes",
            remedy="raise `split.validation_share` or `split.max_train_prompts`",
        )
    return sorted(list(drawn.values())[:count])


def score_sources(
    engine: TransformersEngine,
    prompts: pl.DataFrame,
    answers: Mapping[str, pl.DataFrame],
    *,
    target: str,
    runs: Sequence[Run],
    adapters: Sequence[Path | None],
    max_prompt_tokens: int,
    settings: Scoring,
    outputs: Sequence[Path],
) -> None:
    """Write, for every run, the likelihood of each source's answers (schema `SCORES`).

    Args:
        prompts: the chosen prompts, columns of `records.PROMPTS`.
        answers: checked responses by source; the first answer to the first question counts.
        adapters, outputs: one per run; an adapter is None for the untuned target.

    Raises:
        UserError: an adapter belongs to another run.
    """
    texts = {
        source: dict(
            frame.filter((pl.col("sample") == 0) & (pl.col("turn") == 0))
            .select("prompt_id", "text")
            .drop_nulls()
            .iter_rows()
        )
        for source, frame in answers.items()
    }
    turns = zip(in_turn(engine, target, runs, adapters), outputs, strict=True)
    for _, output in turns:
        engine.load()
        scored = [
            score_texts(prompts, own, engine, max_prompt_tokens, settings).select(
                pl.lit(source).alias("source"),
                "prompt_id",
                pl.col("nll_without_end").alias("nll"),
                pl.col("tokens_without_end").alias("tokens"),
            )
            for source, own in texts.items()
        ]
        write_table(pl.concat(scored).cast(SCORES), output)
