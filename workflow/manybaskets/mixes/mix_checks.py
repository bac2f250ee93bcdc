"""Checks that mixes contain the same prompts, and counts of mixes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from manybaskets.mixes.eligibility import _fail, _require_none
from manybaskets.names import TRAIN, VALIDATION


def count_mix(
    rows: Sequence[Mapping[str, Any]], lengths: pl.DataFrame, target: str
) -> pl.DataFrame:
    """Count a mix: one line per split and source.

    Returns:
        `split, source, rows, share, prompt_tokens, answer_tokens, effective_sources`: the tokens
        are sums in the target's tokens; `share` is of the split's rows; `effective_sources` is
        1 / sum of squared shares, the same for every line of a split.

    Raises:
        UserError: a row has no length for this target.
    """
    table = pl.DataFrame(
        [(row["split"], row["source"], row["prompt_id"]) for row in rows],
        schema={"split": pl.String, "source": pl.String, "prompt_id": pl.String},
        orient="row",
    )
    known = lengths.filter(pl.col("target") == target).drop("target")
    joined = table.join(known, on=["prompt_id", "source"], how="left")
    tokens = ["prompt_tokens", "answer_tokens"]
    lacking = joined.filter(pl.any_horizontal(pl.col(tokens).is_null()))
    _require_none(lacking, "rows of the mix have no length", f"the lengths for target '{target}'")
    counts = joined.group_by("split", "source").agg(
        pl.len().cast(pl.Int64).alias("rows"), pl.col(tokens).cast(pl.Int64).sum()
    )
    share = pl.col("rows") / pl.col("rows").sum().over("split")
    return (
        counts.with_columns(share=share)
        .with_columns(effective_sources=1 / (pl.col("share") ** 2).sum().over("split"))
        .select("split", "source", "rows", "share", *tokens, "effective_sources")
        .sort("split", "source")
    )


def ids_by_split(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Prompt ids of a mix by split, for `check_same_prompts`."""
    ids: dict[str, list[str]] = {TRAIN: [], VALIDATION: []}
    for row in rows:
        ids.setdefault(row["split"], []).append(row["prompt_id"])
    return ids


def check_same_prompts(
    mixes: Mapping[str, Mapping[str, Sequence[str]]], test: Collection[str]
) -> None:
    """Check that mixes are comparable: the same prompts, one answer each, none of the test set.

    Args:
        mixes: prompt ids by split, by name of the mix; see `ids_by_split`.
        test: ids of all test prompts.

    Raises:
        UserError: names the mix and the first failing prompts.
    """
    held_out, reference = set(test), ""
    expected = "the same train and validation prompts in all mixes, once each, and no test prompts"
    for name, splits in mixes.items():
        where = f"mix '{name}'"
        ids = [prompt_id for members in splits.values() for prompt_id in members]
        if extra := sorted(set(splits) - {TRAIN, VALIDATION}):
            _fail(f"the mix contains rows of split {extra}", where, expected)
        if leaked := sorted(held_out.intersection(ids)):
            _fail(
                f"{len(leaked)} test prompts are in the mix (first: {leaked[:5]})", where, expected
            )
        if doubled := len(ids) - len(set(ids)):
            _fail(f"{doubled} prompts are in the mix more than once", where, expected)
        reference = reference or name
        for split in (TRAIN, VALIDATION):
            theirs, own = set(mixes[reference].get(split, ())), set(splits.get(split, ()))
            if theirs != own:
                _fail(f"{len(theirs ^ own)} {split} prompts are in only one of '{reference}' and "
                      f"'{name}' (first: {sorted(theirs ^ own)[:5]})", where, expected)  # fmt: skip
