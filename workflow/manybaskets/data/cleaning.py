"""From raw rows to prompts: outer whitespace goes, the config's rules decide what else leaves."""

from __future__ import annotations

from typing import Any

import polars as pl

from manybaskets import records
from manybaskets.config.parts import Cleaning
from manybaskets.errors import UserError

REASONS = (
    "missing_instruction",
    "empty_response",
    "max_instruction_characters",
    "max_context_characters",
    "exact_duplicates",
)
_TEXTS = ("instruction", "context", "response")


def clean(
    rows: pl.DataFrame, cleaning: Cleaning, where: str
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Strip outer whitespace, apply the rules of `REASONS` in this order, give every prompt its id.

    A row counts under the first rule that it breaks. Where no answers were read (`response` is
    null), the rule on empty ones does not apply.

    Args:
        rows: as `data.reading.read_rows` returns them.
        cleaning: the rules.
        where: how errors call the dataset.

    Returns:
        The rows that stay, in their order (`prompt_id, instruction, context, response, category,
        row`), and the counts `{"rows": n, "kept": n, "dropped": {reason: n}}`.

    Raises:
        UserError: a rule set to `fail` is broken, or no row is left.
    """
    left = rows.with_columns(pl.col(*_TEXTS).str.strip_chars())
    dropped = dict.fromkeys(REASONS, 0)
    for reason in REASONS:
        rule = getattr(cleaning, reason)
        broken = left.filter(_breaks(reason, rule))
        if rule == "fail" and broken.height:
            _fail(reason, broken["row"], where)
        dropped[reason] = broken.height
        left = left.join(broken.select("row"), on="row", how="anti", maintain_order="left")
    if left.is_empty():
        raise UserError(
            what=f"cleaning leaves none of {rows.height} rows (dropped: {dropped})",
            where=where,
            expected="at least one row with an instruction and an answer",
            remedy="check dataset.fields, and the limits under `cleaning`",
        )
    kept = left.select(records.prompt_ids(left), *_TEXTS, "category", "row")
    return kept, {"rows": rows.height, "kept": kept.height, "dropped": dropped}


def _breaks(reason: str, rule: str | int | None) -> pl.Expr:
    """Which rows break a rule. Null compares to null, which a filter takes for 'no'."""
    if rule is None or rule == "keep":
        return pl.lit(False)
    if reason == "missing_instruction":
        return pl.col("instruction") == ""
    if reason == "empty_response":
        return pl.col("response") == ""
    if reason == "exact_duplicates":
        return ~pl.struct(_TEXTS).is_first_distinct()
    field = "instruction" if reason == "max_instruction_characters" else "context"
    return pl.col(field).str.len_chars() > rule


def _fail(reason: str, numbers: pl.Series, where: str) -> None:
    text = "instruction" if reason == "missing_instruction" else "answer"
    raise UserError(
        what=f"{len(numbers)} rows have no {text}; the first is row {numbers[0]}",
        where=f"{where}, row {numbers[0]}",
        expected=f"an {text} in every row",
        remedy=f"mend these rows, or set cleaning.{reason}: drop to leave them out and count them",
    )
