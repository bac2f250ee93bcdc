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
    NOT_JUDGED,
    SHORTENED,
    PromptReader,
    find_long,
    listed_long,
)
from manybaskets.data.splits import split
from manybaskets.errors import UserError
from manybaskets.records.responses import FITTED, FITTED_SETS
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
        long: the columns of `LONG_PROMPTS`, of all models; only rows of the dataset count.
        limits: `long_prompts` of the config.
        max_excluded_share: largest share of the prompts in use that may leave.

    Returns:
        The rows, with `used` false where a prompt left, and the original of a shortened context in
        `whole_context` (null for others); the numbers `excluded` and `shortened` in use.

    Raises:
        UserError: more prompts than the share are too long, or any with `long_prompts: stop`.
    """
    used = rows.filter("used")
    of_dataset = long.filter(pl.col("prompt_set").is_null())
    affected = strictest(of_dataset).join(used, on="prompt_id", how="semi")
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


def fit_sets(
    long: pl.DataFrame, limits: Mapping[str, Any], max_excluded_share: float
) -> tuple[dict[str, dict[str, int]], dict[str, dict[str, int | None]]]:
    """Decide about long prompts of prompt sets, and about questions to judges, for all models alike.

    Args:
        long, limits, max_excluded_share: as for `fit_split`; the share is of each prompt set.

    Returns:
        Counts by prompt set and action; and by prompt set and id, the characters of context that are
        kept, null for a prompt that leaves. Judges' questions are counted only.

    Raises:
        UserError: more prompts of a set than the share are too long, or any with
            `long_prompts: stop`; more exchanges than the share can never be judged.
    """
    counts: dict[str, dict[str, int]] = {}
    kept: dict[str, dict[str, int | None]] = {}
    for (name,), found in long.drop_nulls("prompt_set").group_by("prompt_set", maintain_order=True):
        affected, prompts = strictest(found), found["prompts"][0]
        gone = affected.filter(pl.col("action").is_in([EXCLUDED, NOT_JUDGED]))
        changed = affected.filter(pl.col("action").is_in([EXCLUDED, SHORTENED]))
        if limits["long_prompts"] == "stop" and changed.height:
            raise _too_long_of_set(name, changed, "`prompting.long_prompts: shorten`")
        if gone.height > max_excluded_share * prompts:
            raise _too_long_of_set(name, gone, "a larger `prompting.max_excluded_share`")
        counts[name] = dict(sorted(affected["action"].value_counts().iter_rows()))
        log.info("of %d prompts of '%s', too long: %s", prompts, name, counts[name])
        if changed.height:
            kept[name] = dict(changed.select("prompt_id", "context_characters").iter_rows())
    return counts, kept


def _too_long_of_set(name: str, long: pl.DataFrame, otherwise: str) -> UserError:
    judged = long["action"][0] == NOT_JUDGED
    return UserError(
        what=f"{long.height} of {long['prompts'][0]} prompts are too long for a model:"
        f"{listed_long(long)}",
        where=f"questions to {name}" if judged else f"prompt set '{name}'",
        expected="requests that the judge can read with its rubric"
        if judged
        else "prompts that fit every target",
        remedy=(
            "raise `max_prompt_tokens` (or `max_tokens`) of the judge"
            if judged
            else "raise `prompting.max_prompt_tokens`, or `responses.max_prompt_tokens` of the "
            "experiment,"
        )
        + " where the model's context allows it, remove long prompts or templates from their file, "
        f"or set {otherwise}; nothing was answered yet",
    )


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

    The metadata has the counts of `fit_split` and `fit_sets`, the names of the models, and what
    becomes of the prompts of other sets.

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
        every = pl.concat(long)
        frame, counts = fit_split(frame, every, limits, max_excluded_share)
        counts_of_sets, kept = fit_sets(every, limits, max_excluded_share)
        of_sets = {"sets": counts_of_sets} if counts_of_sets else {}
        metadata = {FITTED: {**counts, "models": list(long_prompts), **of_sets}}
        metadata |= {FITTED_SETS: kept} if kept else {}
    write_table(frame, output, metadata)
