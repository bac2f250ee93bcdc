"""From files of answers to measured rows: which prompts are compared, and every measure on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets import measures
from manybaskets.config.study import Study
from manybaskets.embedding import vectors_of
from manybaskets.errors import UserError
from manybaskets.measures.tokens import words
from manybaskets.records import read_responses

TEST = "test"
# Likelihoods and sentence vectors are made for the test prompts only.
TEST_ONLY = frozenset({"likelihood", "embeddings"})


def valid_answers(path: Path) -> pl.DataFrame:
    """Answers that can be measured, sorted: neither failed nor empty; of conversations the first."""
    answered = pl.col("text").is_not_null() & (pl.col("text") != "")
    frame = read_responses(path).filter(answered & (pl.col("turn") == 0))
    return frame.sort("prompt_id", "sample")


def match_prompts(files: Sequence[tuple[str, Path]]) -> dict[str, dict[str, Any]]:
    """Find, for every prompt set, the prompts that all runs answered.

    Args:
        files: pairs of prompt set and responses, one for every run and prompt set.

    Returns:
        By prompt set: `prompt_ids`, sorted; `shortest_words`, for each of them the words of the
        shortest answer of any run; and `token_budget`, the words of the run with the fewest on all.
    """
    matched = {}
    for name in sorted({prompt_set for prompt_set, _ in files}):
        runs = [_words_by_prompt(path) for prompt_set, path in files if prompt_set == name]
        shared = sorted(set.intersection(*(set(run) for run in runs)))
        matched[name] = {
            "prompt_ids": shared,
            "shortest_words": [min(min(run[each]) for run in runs) for each in shared],
            "token_budget": min(sum(sum(run[each]) for each in shared) for run in runs),
        }
    return matched


def _words_by_prompt(path: Path) -> dict[str, list[int]]:
    """Number of words of every valid answer, by prompt."""
    found: dict[str, list[int]] = {}
    for prompt_id, text in valid_answers(path).select("prompt_id", "text").iter_rows():
        found.setdefault(prompt_id, []).append(len(words(text)))
    return found


def measure_runs(
    names: Mapping[str, Sequence[str]],
    *,
    model: str,
    mix: str,
    responses: Mapping[tuple[int, str], Path],
    likelihoods: Mapping[int, Path],
    embeddings: Path,
    matched: Mapping[str, Mapping[str, Any]],
    split: pl.DataFrame,
    truth: pl.DataFrame | None,
    draws: int,
    seed: int,
) -> pl.DataFrame:
    """Every measure of every seed of a mix, in the schema `records.MEASURED`.

    Args:
        names: measures by prompt set.
        responses: file by training seed and prompt set.
        likelihoods: file by training seed.
        matched: result of `match_prompts`.
        truth: what is true of the embedded world's prompts; None for other datasets.
    """
    about = split.select("prompt_id", pl.col("response").alias("reference"), "category")
    measured = []
    for (training_seed, prompt_set), file in responses.items():
        answers = valid_answers(file)
        test, shared = prompt_set == TEST, matched[prompt_set]
        inputs = measures.Inputs(
            frame=answers.select("prompt_id", "text", "completion_tokens", "finish_reason").join(
                about, on="prompt_id", how="left", maintain_order="left"
            ),
            token_budget=shared["token_budget"],
            likelihood=pl.read_parquet(likelihoods[training_seed]) if test else None,
            embeddings=vectors_of(answers["text"].to_list(), embeddings) if test else None,
            truth=truth,
            shortest_words=dict(zip(shared["prompt_ids"], shared["shortest_words"], strict=True)),
            seed=seed,
        )
        ids = shared["prompt_ids"]
        measured.append(
            measures.compute(
                [measures.get(name) for name in names[prompt_set]],
                inputs,
                model=model,
                mix=mix,
                seed=training_seed,
                prompt_set=prompt_set,
                all_prompt_ids=read_responses(file)["prompt_id"].unique().to_list(),
                draws=measures.half_samples(ids, draws, seed),
                set_prompt_ids=ids,
            )
        )
    return pl.concat(measured)


def check_measures(study: Study) -> None:
    """Check, before a run, that every measure of a study exists and has what it needs.

    Raises:
        UserError: an unknown measure, one that does not fit its prompt set, or one of the embedded
            world's for another dataset.
    """
    embedded = study.dataset.kind == "embedded"
    for prompt_set in study.all_prompt_sets():
        key = "measures" if prompt_set == TEST else f"prompt_sets.{prompt_set}.measures"
        for name in study.measures_of(prompt_set):
            wanted = measures.get(name)
            if prompt_set != TEST and (
                wanted.needs & TEST_ONLY or not wanted.applies_to(prompt_set)
            ):
                raise UserError(
                    what=f"the measure '{name}' is made for the test prompts only",
                    where=key,
                    expected="measures of the answers alone, such as response_words",
                    remedy=f"take '{name}' off this list",
                )
            if wanted.function.__module__ == measures.world.__name__ and not embedded:
                raise UserError(
                    what=f"the measure '{name}' reads the embedded world's language",
                    where=f"{key}, with dataset.kind = {study.dataset.kind}",
                    expected="measures of any text, such as self_bleu or response_words",
                    remedy=f"take '{name}' off this list",
                )
