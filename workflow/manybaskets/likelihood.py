"""Likelihoods of given texts under a model: batched, padded on the left, sorted by length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from manybaskets.engines import LocalEngine
from manybaskets.generation import prompts_of
from manybaskets.jobs import Progress
from manybaskets.records import read_responses, write_table


def score_texts(
    prompts: pl.DataFrame,
    texts: Mapping[str, str],
    engine: LocalEngine,
    max_prompt_tokens: int,
    batch_size: int,
) -> pl.DataFrame:
    """Negative log-likelihood of each text as the answer to its prompt, in conversations to the
    first question.

    Args:
        prompts: columns of `records.PROMPTS`.
        texts: answer by prompt id; prompts without one are left out.

    Returns:
        prompt_id; nll, nll_without_end: sums in nats over the answer's tokens with and without the
        end token; tokens, with the end token.
    """
    asked = [prompt for prompt in prompts_of(prompts) if texts.get(prompt.prompt_id) is not None]
    answers = engine.renderer.encode_answers([texts[prompt.prompt_id] for prompt in asked])
    pairs = {
        prompt.prompt_id: (engine.renderer.render(prompt, max_prompt_tokens).ids, answer)
        for prompt, answer in zip(asked, answers, strict=True)
    }
    ordered = sorted(pairs, key=lambda key: (sum(map(len, pairs[key])), key))
    progress = Progress(len(ordered), "rows scored")
    rows = []
    for start in range(0, len(ordered), batch_size):
        batch = ordered[start : start + batch_size]
        for prompt_id, scores in zip(
            batch, engine.score([pairs[key] for key in batch]), strict=True
        ):
            end = len(engine.renderer.end_ids)
            rows.append((prompt_id, -sum(scores), -sum(scores[:-end]), len(scores)))
        progress.add(len(batch))
    columns = {
        "prompt_id": pl.String,
        "nll": pl.Float64,
        "nll_without_end": pl.Float64,
        "tokens": pl.Int32,
    }
    return pl.DataFrame(rows, schema=columns, orient="row").sort("prompt_id")


def score_runs(
    engine: LocalEngine,
    prompts: pl.DataFrame,
    split: pl.DataFrame,
    *,
    adapters: Sequence[Path],
    responses: Sequence[Path],
    max_prompt_tokens: int,
    batch_size: int,
    outputs: Sequence[Path],
) -> None:
    """Score, for every run of a target, the human test answers under the run (`reference`) and the
    run's own answers under the untuned target (`own`). Without adapters the run is the target itself.
    Of conversations the first answers are scored.

    Writes prompt_id; reference_nll, own_nll: nats per token with the end token; reference_tokens,
    own_tokens; and the same two means without the end token. Prompts without an answer have nulls.
    """
    humans = dict(split.select("prompt_id", "response").drop_nulls().iter_rows())
    for adapter, answers, output in zip(adapters or [None], responses, outputs, strict=True):
        frame = read_responses(answers).filter((pl.col("sample") == 0) & (pl.col("turn") == 0))
        own = dict(frame.select("prompt_id", "text").drop_nulls().iter_rows())
        engine.use_adapter(adapter)
        reference = score_texts(prompts, humans, engine, max_prompt_tokens, batch_size)
        engine.use_adapter(None)
        untuned = score_texts(prompts, own, engine, max_prompt_tokens, batch_size)
        scored = prompts.select("prompt_id")
        for name, scores in (("reference", reference), ("own", untuned)):
            end = len(engine.renderer.end_ids)
            scored = scored.join(
                scores.select(
                    "prompt_id",
                    (pl.col("nll") / pl.col("tokens")).alias(f"{name}_nll"),
                    (pl.col("nll_without_end") / (pl.col("tokens") - end)).alias(
                        f"{name}_nll_without_end"
                    ),
                    pl.col("tokens").alias(f"{name}_tokens"),
                ),
                on="prompt_id",
                how="left",
            )
        write_table(scored.sort("prompt_id").fill_nan(None), output)
