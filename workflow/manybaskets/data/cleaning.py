"""Clean raw rows: strip outer whitespace and apply the rules of `cleaning`."""

from __future__ import annotations

import logging
from typing import Any

import polars as pl

from manybaskets.config.data import Cleaning
from manybaskets.data.reading import without_outer_space
from manybaskets.errors import UserError
from manybaskets.records.ids import prompt_ids
from manybaskets.records.visible_text import has_visible_text

log = logging.getLogger(__name__)
REASONS = (
    "broken_conversation",
    "missing_instruction",
    "empty_response",
    "max_instruction_characters",
    "max_context_characters",
    "exact_duplicates",
)
_TEXTS = ("instruction", "context", "response", "follow_ups", "follow_up_responses")


def clean(
    rows: pl.DataFrame, cleaning: Cleaning, where: str
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Strip outer whitespace, apply the rules of `REASONS` in order, and assign prompt ids.

    A row counts under the first rule that it breaks. If no answers were read (`response` is null),
    the rule about empty answers does not apply.

    Args:
        rows: as `data.reading.read_rows` returns them.
        cleaning: the rules.
        where: name of the dataset in errors.

    Returns:
        The kept rows in their order (`prompt_id, instruction, context, response, follow_ups,
        follow_up_responses, category, row`), and the counts `{"rows": n, "kept": n,
        "system_messages": n, "dropped": {reason: n}}`; `system_messages` counts those removed from
        kept rows. With `first_turn_only` also `"first_turns": n`, the conversations that lost their
        later turns.

    Raises:
        UserError: a row breaks a rule set to `fail`, or no row is left.
    """
    left, shortened = without_outer_space(rows), 0
    dropped = dict.fromkeys(REASONS, 0)
    for reason in REASONS:
        rule = getattr(cleaning, reason)
        broken = left.filter(_breaks(reason, rule))
        if rule == "fail" and broken.height:
            _fail(reason, broken, where)
        if reason == "broken_conversation" and broken.height:
            log.info("dropped %d invalid conversations; %s", broken.height, _first(broken))
        dropped[reason] = broken.height
        left = left.join(broken.select("row"), on="row", how="anti", maintain_order="left")
        if reason == "broken_conversation" and cleaning.first_turn_only:
            shortened = left.filter(pl.col("follow_ups").list.len() > 0).height
            left = left.with_columns(pl.col("follow_ups", "follow_up_responses").list.head(0))
    if left.is_empty():
        raise UserError(
            what=f"cleaning removes all {rows.height} rows (dropped: {dropped})",
            where=where,
            expected="at least one row with an instruction and an answer",
            remedy="check the column names in `dataset.fields` and the limits in `cleaning`",
        )
    kept = left.select(prompt_ids(left), *_TEXTS, "category", "row")
    return kept, {
        "rows": rows.height,
        "kept": kept.height,
        "system_messages": left["system_message"].sum(),
        "dropped": dropped,
        **({"first_turns": shortened} if cleaning.first_turn_only else {}),
    }


def _breaks(reason: str, rule: str | int | None) -> pl.Expr:
    """Mask of rows that break a rule. Comparing null gives null, which a filter treats as false."""
    if rule is None or rule == "keep":
        return pl.lit(False)
    if reason == "broken_conversation":
        return pl.col("broken_conversation").is_not_null()
    if reason == "missing_instruction":
        return ~has_visible_text("instruction")
    if reason == "empty_response":
        return ~has_visible_text("response")
    if reason == "exact_duplicates":
        return ~pl.struct(_TEXTS).is_first_distinct()
    if reason == "max_context_characters":
        return pl.col("context").str.len_chars() > rule
    later = pl.col("follow_ups").list.eval(pl.element().str.len_chars()).list.max()
    return (pl.col("instruction").str.len_chars() > rule) | (later > rule)


def _first(broken: pl.DataFrame) -> str:
    return f"first in row {broken['row'][0]}: {broken['broken_conversation'][0]}"


def _fail(reason: str, broken: pl.DataFrame, where: str) -> None:
    if reason == "broken_conversation":
        what = f"{broken.height} conversations are invalid; {_first(broken)}"
        expected = "alternating user and assistant turns, each with a text, ending with an answer"
    else:
        text = "instruction" if reason == "missing_instruction" else "answer"
        what = f"{broken.height} rows have no {text}, first in row {broken['row'][0]}"
        expected = f"an {text} in every row"
    raise UserError(
        what=what,
        where=f"{where}, row {broken['row'][0]}",
        expected=expected,
        remedy=f"fix these rows, or set `cleaning.{reason}: drop` to leave them out and count them",
    )
