"""Cleaning: every row stays or is counted under the first rule that it breaks."""

from __future__ import annotations

import random

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manybaskets.config.data import Cleaning
from manybaskets.data.cleaning import REASONS, clean
from manybaskets.data.reading import ROWS
from manybaskets.errors import UserError
from manybaskets.records.ids import prompt_ids


def rows_of(*texts):
    """Rows from (instruction, context, response), numbered from 1."""
    return pl.DataFrame(
        [
            (*text, "kind", number, [], [], False, None)
            for number, text in enumerate(texts, start=1)
        ],
        schema=ROWS,
        orient="row",
    )


def test_only_outer_whitespace_goes():
    kept, counts = clean(rows_of((" a\n b ", "\tc", "d  d\n\n")), Cleaning(), "data")
    assert kept.select("instruction", "context", "response").row(0) == ("a\n b", "c", "d  d")
    dropped = dict.fromkeys(REASONS, 0)
    assert counts == {"rows": 1, "kept": 1, "system_messages": 0, "dropped": dropped}
    texts = ["instruction", "context", "response", "follow_ups", "follow_up_responses"]
    assert kept.columns == ["prompt_id", *texts, "category", "row"]


def test_each_row_counts_under_the_first_rule_it_breaks():
    rules = Cleaning(
        missing_instruction="drop",
        max_instruction_characters=4,
        max_context_characters=3,
        exact_duplicates="drop",
    )
    rows = rows_of(
        (" ", "long context", ""),  # breaks a rule on conversations too
        (" ", "long context", ""),  # an instruction, a context and an answer are at fault
        ("long instruction", "", " "),  # an instruction and an answer
        ("long instruction", "long context", "r"),
        ("éééé", "long", "r"),  # four characters, eight bytes: fits
        ("ab", "abc", "r"),
        ("ab ", "abc", " r"),
        ("ab", "abc", "other"),
    )
    broken = pl.when(pl.col("row") == 1).then(pl.lit("message 1 is empty"))
    kept, counts = clean(rows.with_columns(broken_conversation=broken), rules, "data")
    assert kept["row"].to_list() == [6, 8]
    assert counts["dropped"] == dict.fromkeys(REASONS, 1) and list(counts["dropped"]) == list(
        REASONS
    )
    assert (counts["rows"], counts["kept"]) == (8, 2)


def test_defaults_keep_repeats_and_number_them():
    kept, _ = clean(rows_of(("a", "", "x"), ("a", "", "x"), ("a", "", "b")), Cleaning(), "data")
    stems = {name.rpartition("-")[0] for name in kept["prompt_id"]}
    assert len(stems) == 1
    assert kept["prompt_id"].str.split("-").list.last().to_list() == ["1", "2", "0"]


@pytest.mark.parametrize(
    ("rule", "text"), [("missing_instruction", (" ", "", "r")), ("empty_response", ("a", "", " "))]
)
def test_fail_names_the_first_row_and_how_many(rule, text):
    rules = Cleaning(**{"missing_instruction": "drop", rule: "fail"})
    with pytest.raises(UserError, match="2 rows have no") as caught:
        clean(rows_of(("a", "", "r"), text, ("b", "", "r"), text), rules, "my.jsonl")
    assert caught.value.where == "my.jsonl, row 2"
    assert f"cleaning.{rule}: drop" in caught.value.remedy


def test_nothing_left_is_an_error():
    with pytest.raises(UserError, match="removes all 1 rows"):
        clean(rows_of(("a", "", "")), Cleaning(), "data")


def test_data_without_answers_is_not_empty_answers():
    kept, counts = clean(
        rows_of(("a", "", None), ("a", "", None)), Cleaning(empty_response="fail"), "data"
    )
    assert counts["kept"] == 2
    assert kept["prompt_id"].n_unique() == 2


INVISIBLE = ["\u200b", "\u2060\ufeff", "\u00ad \u200d", "\u2800", "\u3164", "\ufe0f", "\x00"]


@pytest.mark.parametrize("text", INVISIBLE)
def test_a_text_of_invisible_characters_is_no_text(text):
    rows = rows_of((text, "", "a"), ("a", "", text), ("a", text, "b"))
    kept, counts = clean(rows, Cleaning(missing_instruction="drop"), "data")
    assert counts["dropped"]["missing_instruction"] == counts["dropped"]["empty_response"] == 1
    assert kept["response"].to_list() == ["b"]
    with pytest.raises(UserError, match="1 rows have no instruction"):
        clean(rows, Cleaning(), "data")


@pytest.mark.parametrize("text", ["a\u200b", "👩‍🚀", "١", "é", "x\u0301", "中", "…"])
def test_a_text_with_a_visible_character_stays(text):
    assert clean(rows_of((text, "", text)), Cleaning(), "data")[1]["kept"] == 1


WORDS = st.sampled_from(["", " ", "a", "a ", "bb", "ccc"])


@given(
    st.lists(st.tuples(WORDS, WORDS, WORDS), min_size=1, max_size=12),
    st.sampled_from(["keep", "drop"]),
    st.none() | st.integers(1, 3),
    st.randoms(use_true_random=False),
)
def test_counts_add_up_and_order_means_nothing(texts, duplicates, limit, rng: random.Random):
    rules = Cleaning(
        missing_instruction="drop", exact_duplicates=duplicates, max_context_characters=limit
    )
    # The rules once more, row by row.
    wanted = []
    for instruction, context, response in (tuple(map(str.strip, text)) for text in texts):
        row = (instruction, context, response)
        fits = limit is None or len(context) <= limit
        if instruction and response and fits and (duplicates == "keep" or row not in wanted):
            wanted.append(row)
    if not wanted:
        with pytest.raises(UserError):
            clean(rows_of(*texts), rules, "data")
        return
    kept, counts = clean(rows_of(*texts), rules, "data")
    assert list(kept.select("instruction", "context", "response").iter_rows()) == wanted
    assert counts["rows"] == len(texts) == counts["kept"] + sum(counts["dropped"].values())
    assert kept["prompt_id"].n_unique() == kept.height
    assert kept["prompt_id"].to_list() == prompt_ids(kept).to_list()
    again, _ = clean(rows_of(*rng.sample(texts, len(texts))), rules, "data")
    columns = ["prompt_id", "instruction", "context", "response"]
    assert again.select(columns).sort("prompt_id").equals(kept.select(columns).sort("prompt_id"))
