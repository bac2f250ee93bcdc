"""Prompts that are eligible for mixes: training sets that differ only in the answers' source.

The training file is the standard chat form (`messages`) that TRL, axolotl and LLaMA-Factory read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NoReturn

import polars as pl

from manybaskets.errors import UserError
from manybaskets.names import TRAIN, VALIDATION
from manybaskets.records.responses import expected_rows, turns_of

FAILED, EMPTY, TRUNCATED = "failed answer", "empty answer", "truncated answer"
TOO_LONG, CONTROL_TEXT = "too long", "control text"
ELIGIBILITY = pl.Schema(
    {"prompt_id": pl.String, "eligible": pl.Boolean, "reason": pl.String, "source": pl.String}
)
_AGAIN = "delete the file named above and rerun the same command"


def training_prompts(split: pl.DataFrame) -> pl.DataFrame:
    """Rows of the split table for mixes: train and validation rows in use."""
    return split.filter(pl.col("split").is_in([TRAIN, VALIDATION]) & pl.col("used"))


def eligibility(
    prompts: pl.DataFrame,
    responses: Mapping[str, pl.DataFrame],
    lengths: pl.DataFrame,
    max_length: int,
    truncated_answers: Literal["exclude", "keep"] = "exclude",
    control_text: Literal["exclude", "keep"] = "keep",
) -> pl.DataFrame:
    """Prompts to train on. A prompt that fails for any source or turn is left out of all mixes.

    Args:
        prompts: result of `training_prompts`.
        responses: checked responses by source; sample 0 counts.
        lengths: `prompt_id, source, target, prompt_tokens, answer_tokens, control_text` of every
            prompt whose answers all have text, for every target; in tokens.
        max_length: longest prompt with answer, in tokens; of a conversation, all its turns.
        truncated_answers: whether answers truncated at the token limit are ineligible.
        control_text: whether rows that spell a control token of a target are ineligible.

    Returns:
        The columns of `ELIGIBILITY`, in the order of the prompts: `reason` is empty or the first of
        `failed answer`, `empty answer`, `truncated answer`, `control text`, `too long`; `source` is
        the first failing source.

    Raises:
        UserError: a turn has no row in a source's responses, or an answer has no length.
    """
    ids = prompts.select("prompt_id")
    turns = expected_rows(turns_of(prompts))
    targets = lengths["target"].n_unique()
    tokens = pl.col("prompt_tokens") + pl.col("answer_tokens")
    longest = lengths.group_by("source", "prompt_id").agg(
        tokens.max().alias("longest"),
        tokens.count().alias("measured"),
        pl.col("control_text").any().alias("spells"),
    )
    result = ids.with_columns(reason=pl.lit(""), source=pl.lit(None, dtype=pl.String))
    for source, frame in responses.items():
        answers = turns.join(frame, on=["prompt_id", "sample", "turn"], how="left")
        _require_answers(answers.filter(pl.col("finish_reason").is_null()), source)
        empty = pl.col("text").fill_null("").str.strip_chars() == ""
        cut = pl.col("finish_reason") == "length"
        faults = answers.group_by("prompt_id").agg(
            failed=(pl.col("finish_reason") == "error").any(), empty=empty.any(), cut=cut.any()
        )
        own = longest.filter(pl.col("source") == source)
        joined = ids
        for table in (faults, own):
            joined = joined.join(table, on="prompt_id", how="left", maintain_order="left")
        fault = (
            pl.when("failed").then(pl.lit(FAILED))
            .when("empty").then(pl.lit(EMPTY))
            .when(pl.col("cut") & (truncated_answers == "exclude")).then(pl.lit(TRUNCATED))
            .when(pl.col("spells") & (control_text == "exclude")).then(pl.lit(CONTROL_TEXT))
            .when(pl.col("longest") > max_length).then(pl.lit(TOO_LONG))
            .otherwise(pl.lit(""))
        )  # fmt: skip
        joined = joined.with_columns(fault=fault)
        unmeasured = joined.filter(
            ~pl.col("fault").is_in([FAILED, EMPTY])
            & (pl.col("measured").fill_null(0) < max(targets, 1))
        )
        what = f"answers of source '{source}' have no length for some target"
        _require_none(unmeasured, what, "the lengths of answers")
        first = (pl.col("reason") == "") & (pl.col("fault") != "")
        result = result.with_columns(joined["fault"]).with_columns(
            reason=pl.when(first).then("fault").otherwise("reason"),
            source=pl.when(first).then(pl.lit(source)).otherwise("source"),
        )
    return result.with_columns(eligible=pl.col("reason") == "").select(ELIGIBILITY.names())


def _require_answers(missing: pl.DataFrame, source: str) -> None:
    what = f"prompts have no answer from source '{source}'"
    _require_none(missing.unique("prompt_id"), what, f"responses of source '{source}'")


def _require_none(missing: pl.DataFrame, what: str, where: str) -> None:
    if missing.height:
        first = missing["prompt_id"].sort()[:5].to_list()
        _fail(f"{missing.height} {what} (first: {first})", where, "one for every prompt")


def _fail(what: str, where: str, expected: str, remedy: str = _AGAIN) -> NoReturn:
    raise UserError(what=what, where=where, expected=expected, remedy=remedy) from None
