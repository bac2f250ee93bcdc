"""Ids, checks and whole files."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manybaskets.errors import UserError
from manybaskets.records.ids import prompt_ids, row_seed
from manybaskets.records.responses import RESPONSES, check_responses
from manybaskets.records.writing import read_metadata, whole_file, write_table

TEXT = st.text("ab", max_size=2)


@given(st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1, max_size=12), st.randoms())
def test_ids_are_unique_and_do_not_hang_on_the_order_of_rows(rows, rng):
    frame = pl.DataFrame(rows, schema=["instruction", "context", "response"], orient="row")
    shuffled = frame[rng.sample(range(frame.height), frame.height)]
    one, other = (f.with_columns(prompt_ids(f)).sort("prompt_id") for f in (frame, shuffled))
    assert one.equals(other)
    assert one["prompt_id"].is_unique().all()


def test_instruction_and_context_are_kept_apart():
    frame = pl.DataFrame({"instruction": ["a", "ab"], "context": ["bc", "c"], "response": ["", ""]})
    assert len(set(prompt_ids(frame))) == 2


def test_seeds_differ_by_row_source_and_sample():
    seeds = {row_seed(1, p, s, k) for p in ("p", "q") for s in ("a", "b") for k in (0, 1)}
    assert len(seeds) == 8 and all(0 <= seed < 2**63 for seed in seeds)


def answers(**changes) -> pl.DataFrame:
    columns = {
        "prompt_id": ["p1", "p2"],
        "sample": [0, 0],
        "turn": [0, 0],
        "text": ["one", "two"],
        "finish_reason": ["stop", "length"],
        "prompt_tokens": [3, 3],
        "completion_tokens": [1, 1],
        "attempts": [1, 1],
        "error": [None, None],
    }
    return pl.DataFrame(columns | changes, schema=RESPONSES)


def test_good_responses_pass():
    check_responses(answers(), ["p1", "p2"], "here")
    both = answers(prompt_id=["p1", "p1"], turn=[0, 1])
    check_responses(both, {"p1": 2}, "here")


@pytest.mark.parametrize(
    ("frame", "expected", "message"),
    [
        (answers(), ["p1"], "1 answers belong to no prompt"),
        (answers(), ["p1", "p2", "p3"], "1 prompts have no answer"),
        (answers(prompt_id=["p1", "p1"]), ["p1"], "1 rows are duplicates"),
        (answers(), {"p1": 1, "p2": 2}, "1 prompts have no answer.*'p2', 0, 1"),
        (
            answers(turn=[0, 1]),
            ["p1", "p2"],
            "1 prompts have no answer.* 1 answers belong to no prompt",
        ),
        (answers(text=["one", None]), ["p1", "p2"], "a text and an error, or neither"),
        (answers(finish_reason=["stop", "error"]), ["p1", "p2"], "a text and an error, or neither"),
        (answers(finish_reason=["stop", "done"]), ["p1", "p2"], "a text and an error, or neither"),
        (
            answers(text=["one", None], finish_reason=["stop", "error"], error=[None, "no memory"]),
            ["p1", "p2"],
            "1 of 2 rows failed.*no memory",
        ),
        (answers().drop("error"), ["p1", "p2"], "columns"),
    ],
)
def test_bad_responses_are_named(frame, expected, message):
    with pytest.raises(UserError, match=message):
        check_responses(frame, expected, "here")


def test_failed_rows_pass_up_to_the_share_that_is_allowed():
    frame = answers(text=["one", None], finish_reason=["stop", "error"], error=[None, "x"])
    check_responses(frame, ["p1", "p2"], "here", max_error_share=0.5)


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "a" / "file.txt"
    with pytest.raises(RuntimeError), whole_file(target) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert list((tmp_path / "a").iterdir()) == []
    with whole_file(target) as partial:
        partial.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole" and len(list((tmp_path / "a").iterdir())) == 1


def test_a_failure_leaves_the_older_file(tmp_path):
    target = tmp_path / "file.txt"
    target.write_text("older")
    with pytest.raises(RuntimeError), whole_file(target) as partial:
        partial.write_text("newer")
        raise RuntimeError
    assert target.read_text() == "older"


def test_metadata_comes_back(tmp_path):
    write_table(pl.DataFrame({"a": [1]}), tmp_path / "t.parquet", {"model": "llama", "seed": 3})
    assert read_metadata(tmp_path / "t.parquet") == {"model": "llama", "seed": 3}
