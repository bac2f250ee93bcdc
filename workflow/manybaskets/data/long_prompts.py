"""Fit the prompts of a split to all models of a study.

The decision is the same for all sources and targets: a context is shortened to what fits the
strictest model, and a prompt whose question does not fit one model leaves the study.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.chat import prompts_of
from manybaskets.config.data import Split
from manybaskets.data.prompt_readers import (
    EXCLUDED,
    LONG_PROMPTS,
    SHORTENED,
    PromptReader,
    find_long,
    listed_long,
)
from manybaskets.data.splits import split
from manybaskets.errors import UserError
from manybaskets.records.responses import FITTED
from manybaskets.records.writing import write_table

log = logging.getLogger(__name__)


def read_long_prompts(path: Path) -> pl.DataFrame:
    """Read a file of prompts that are too long: the columns of `LONG_PROMPTS`."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return pl.DataFrame(rows, schema=LONG_PROMPTS, orient="row")


def strictest(long: pl.DataFrame) -> pl.DataFrame:
    """One row per prompt out of several models' `LONG_PROMPTS`: the one that leaves least of it."""
    excess = pl.col("tokens") - pl.col("limit")
    return (
        long.sort("action", "context_characters", -excess, "model")
        .unique("prompt_id", keep="first", maintain_order=True)
        .sort("prompt_id")
    )


def fit_split(
    rows: pl.DataFrame, long: pl.DataFrame, limits: Mapping[str, Any], max_excluded_share: float
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Take prompts that are too long out of use, and shorten the contexts of others.

    Args:
        rows: the split, with `prompt_id, context, used`.
        long: the columns of `LONG_PROMPTS`, of all models.
        limits: `long_prompts` of the config.
        max_excluded_share: largest share of the prompts in use that may leave.

    Returns:
        The rows, with `used` false where a prompt left, and the original of a shortened context in
        `whole_context` (null for others); the numbers `excluded` and `shortened` in use.

    Raises:
        UserError: more prompts than the share are too long, or any with `long_prompts: stop`.
    """
    used = rows.filter("used")
    affected = strictest(long).join(used, on="prompt_id", how="semi")
    left = affected.filter(pl.col("action") == EXCLUDED)
    cut = affected.filter(pl.col("action") == SHORTENED)
    if limits["long_prompts"] == "stop" and affected.height:
        raise _too_long(affected, used.height, "no long prompt (`prompting.long_prompts: stop`)",
                        "set `prompting.long_prompts: shorten`")  # fmt: skip
    if left.height > max_excluded_share * used.height:
        raise _too_long(left, used.height, f"at most a share of {max_excluded_share:g} "
                        "(`prompting.max_excluded_share`)",
                        "raise `prompting.max_excluded_share`")  # fmt: skip
    log.info("of %d prompts in use, %d are excluded as too long and %d are shortened",
             used.height, left.height, cut.height)  # fmt: skip
    kept = cut.select("prompt_id", "context_characters")
    fitted = rows.join(kept, on="prompt_id", how="left", maintain_order="left")
    short = pl.col("context").str.head(pl.col("context_characters")).str.strip_chars()
    shortened = pl.col("context_characters").is_not_null()
    fitted = fitted.with_columns(
        context=pl.when(shortened).then(short).otherwise("context"),
        whole_context=pl.when(shortened).then("context"),
        used=pl.col("used") & ~pl.col("prompt_id").is_in(left["prompt_id"].to_list()),
    )
    return fitted.drop("context_characters"), {EXCLUDED: left.height, SHORTENED: cut.height}


def _too_long(long: pl.DataFrame, prompts: int, expected: str, remedy: str) -> UserError:
    return UserError(
        what=f"{long.height} of {prompts} prompts are too long for a model:{listed_long(long)}",
        where="the dataset's prompts in use",
        expected=expected,
        remedy="raise `prompting.max_prompt_tokens` where the model's context allows it, drop such "
        "rows with `cleaning.max_instruction_characters` and `cleaning.max_context_characters`, "
        f"use another model, or {remedy}; nothing was answered yet",
    )


def write_split(
    rows: Path,
    settings: Split,
    seed: int,
    *,
    long_prompts: Mapping[str, Path],
    servers: Sequence[PromptReader],
    limits: Mapping[str, Any],
    max_excluded_share: float,
    output: Path,
) -> None:
    """Split clean rows, fit them to the study's models, and write them.

    The metadata has the counts of `fit_split` and the names of the models.

    Args:
        rows: clean rows.
        settings: section `split` of the config.
        seed: the study's seed.
        long_prompts: prompts that are too long, by name of the model; with no model and no server,
            the prompts stay as they are.
        servers: servers that state their context.
        limits: as for `fit_split`.
        max_excluded_share: as for `fit_split`.
    """
    frame, metadata = split(pl.read_parquet(rows), settings, seed), {}
    if long_prompts or servers:
        long = [read_long_prompts(file) for file in long_prompts.values()]
        asked = prompts_of(frame.filter("used"))
        long += [find_long(asked, server) for server in servers]
        frame, counts = fit_split(frame, pl.concat(long), limits, max_excluded_share)
        metadata = {FITTED: {**counts, "models": list(long_prompts)}}
    write_table(frame, output, metadata)
