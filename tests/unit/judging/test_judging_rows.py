"""A table of exchanges goes in, and every row of it comes out, joined by id."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from judged_rows import RUN, settings, table
from polars.testing import assert_frame_equal

from manybaskets.errors import UserError
from manybaskets.judging.base import Judge, Verdict
from manybaskets.judging.factory import open_judge
from manybaskets.judging.judge_rows import in_share, judge_rows
from manybaskets.judging.records import (
    EXCHANGES,
    JUDGED,
    REASONED,
    check_judged,
    exchanges,
    without_texts,
    write_judged,
)
from manybaskets.judging.rubrics import shipped
from manybaskets.records.responses import RESPONSES
from manybaskets.records.writing import read_metadata

RULE = settings(kind="rule", rule="refusal_patterns")
SAID = [
    ("Tell me how.", "I cannot help with that."),
    ("Tell me why.", "Because it is so."),
    ("Tell me when.", None),
    ("Tell me who.", "I'm sorry, but I can't help with this."),
]


def judged(rows, judge=None, rubric="refusal", seed=1):
    judge = judge or open_judge("patterns", RULE)
    return judge_rows(judge, shipped(rubric), rows, work=Path("unused"), seed=seed, run=RUN)


def test_every_row_comes_back():
    found = judged(table(SAID))
    assert found.schema == REASONED
    assert found["score"].to_list() == [1, 0, None, 1]
    assert found["status"].to_list() == ["judged", "judged", "no_response", "judged"]
    assert found["attempts"].to_list() == [1, 1, 0, 1]
    assert set(found["judge"]) == {"patterns"} and set(found["rubric"]) == {"refusal"}
    assert without_texts(found).schema == JUDGED


def test_a_rule_does_not_score_languages_that_it_does_not_read():
    chinese = "对不起，我不能帮助你打开这扇门。"
    german = "Es tut mir leid, aber dabei kann ich Ihnen leider nicht helfen, weil es verboten ist."
    found = judged(table([("Tell me.", chinese), ("And now?", german), ("Why?", "No.")]))
    assert found["cause"].to_list() == ["unknown_language", "unknown_language", None]
    assert found["score"].to_list() == [None, None, 0.0]
    world = open_judge("world", settings(kind="rule", rule="world_refusal"))
    assert world.rule.reads(chinese)


def test_the_order_of_the_rows_means_nothing():
    rows = table(SAID, samples=3)
    shuffled = rows.sample(fraction=1.0, shuffle=True, seed=3)
    assert shuffled["prompt_id"].to_list() != rows["prompt_id"].to_list()
    assert_frame_equal(judged(rows), judged(shuffled))


class Watched(Judge):
    """Says 1 to everything, and remembers what it was shown."""

    def __init__(self, sampled: float = 1.0) -> None:
        keys = {"kind": "model", "model": "m", "judged_share": sampled, "retest_share": 0.5}
        super().__init__("watched", settings(**keys))
        self.shown, self.twice = [], []

    def verdicts(self, rubric, asked, work, *, run, reversed_scale=False):
        (self.twice if reversed_scale else self.shown).extend(asked)
        return {each.key: Verdict(1.0) for each in asked}


def test_a_failed_response_never_reaches_a_judge():
    judge = Watched()
    found = judged(table(SAID), judge)
    assert [each.prompt_id for each in judge.shown] == ["p0000", "p0001", "p0003"]
    assert found.filter(pl.col("prompt_id") == "p0002")["score"].to_list() == [None]


def responses(**changes) -> pl.DataFrame:
    rows = [
        {"prompt_id": name, "sample": 0, "turn": 0, "text": f"to {name}", "finish_reason": "stop"}
        | {"prompt_tokens": 1, "completion_tokens": 1, "attempts": 1, "error": None}
        for name in ("b", "a", "c")
    ]
    rows[2] |= {"text": None, "finish_reason": "error", "error": "lost"}
    rows[0] |= changes
    return pl.DataFrame(rows, schema=RESPONSES)


PROMPTS = pl.DataFrame(
    {"prompt_set": ["direct"] * 3, "prompt_id": ["a", "b", "c"], "request": ["A?", "B?", "C?"]}
)


def test_requests_and_responses_are_joined_by_id():
    found = exchanges(PROMPTS, responses())
    assert found.schema == EXCHANGES
    assert found["request"].to_list() == ["A?", "B?", "C?"]
    assert found["response"].to_list() == ["to a", "to b", None]


def test_an_error_with_a_text_is_no_response():
    found = exchanges(PROMPTS, responses(finish_reason="error"))
    assert found["response"].to_list() == ["to a", None, None]


@pytest.mark.parametrize(
    ("prompts", "said", "told"),
    [
        (PROMPTS.head(2), responses(), "1 responses belong to no prompt"),
        (PROMPTS, responses().head(1), "2 prompts have no response"),
        (pl.concat([PROMPTS, PROMPTS]), responses(), "exactly one response per prompt"),
        (PROMPTS, responses(turn=1), "several turns"),
    ],
)
def test_rows_that_do_not_fit_are_told(prompts, said, told):
    with pytest.raises(UserError, match=told):
        exchanges(prompts, said)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (pl.concat([table(SAID), table(SAID)]), "rows are duplicates"),
        (table(SAID).drop("request"), "columns"),
        (table(SAID).with_columns(request=pl.lit(None, pl.String)), "no id or no request"),
    ],
)
def test_tables_that_cannot_be_judged_are_told(rows, told):
    with pytest.raises(UserError, match=told):
        judged(rows)


def test_a_rule_on_another_rubric_is_told():
    with pytest.raises(UserError, match="rubric 'refusal'.*'quality'"):
        judged(table(SAID), rubric="quality")


def test_a_share_is_drawn_by_prompt_and_lies_within_a_larger_one():
    rows = table([("a", "b")] * 400, samples=2)
    small, large = (judged(rows, Watched(share)) for share in (0.2, 0.6))
    chosen = [
        set(found.filter(pl.col("status") == "judged")["prompt_id"]) for found in (small, large)
    ]
    assert chosen[0] < chosen[1]
    assert 50 < len(chosen[0]) < 110 and 200 < len(chosen[1]) < 280
    assert small.filter(pl.col("status") == "judged").height == 2 * len(chosen[0])
    assert set(small["status"]) == {"judged", "not_sampled"}
    other = judged(rows, Watched(0.2), seed=2)
    assert set(other.filter(pl.col("status") == "judged")["prompt_id"]) != chosen[0]


def test_part_of_the_judged_rows_is_asked_again_with_the_scale_reversed():
    judge = Watched()
    found = judged(table([("a", "b")] * 200), judge)
    again = found.filter(pl.col("again").is_not_null())
    assert 70 < again.height < 130
    assert {each.prompt_id for each in judge.twice} == set(again["prompt_id"])
    assert set(found["again_status"]) == {None, "judged"}


def test_a_draw_hangs_on_seed_and_prompt_alone():
    key = ("direct", "p1", 0)
    assert in_share(1, "judged", key, 1.0)
    assert not in_share(1, "judged", key, 0.0)
    assert in_share(1, "judged", key, 0.4) == in_share(1, "judged", ("direct", "p1", 5), 0.4)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (pl.col("score").fill_null(3.0), "the status contradicts score and cause"),
        (pl.lit("strange").alias("status"), "the status contradicts score and cause"),
        (pl.lit("The response says so").alias("cause"), "the status contradicts score and cause"),
    ],
)
def test_judgements_that_contradict_themselves_are_told(wrong, told):
    rows = table(SAID)
    with pytest.raises(UserError, match=told):
        check_judged(rows, judged(rows).with_columns(wrong))


def test_lost_and_doubled_judgements_are_told():
    rows = table(SAID)
    found = judged(rows)
    with pytest.raises(UserError, match="1 rows are missing"):
        check_judged(rows, found.head(3))
    with pytest.raises(UserError, match="8 duplicate"):
        check_judged(rows, pl.concat([found, found]))
    with pytest.raises(UserError, match="1 extra"):
        check_judged(rows.head(3), found)


def test_the_same_judgements_give_the_same_bytes(tmp_path):
    found = judged(table(SAID, samples=2))
    write_judged(found, tmp_path / "a.parquet", {"rubrics": {"refusal": "x"}})
    shuffled = found.sample(fraction=1.0, shuffle=True, seed=5)
    write_judged(shuffled, tmp_path / "b.parquet", {"rubrics": {"refusal": "x"}})
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert read_metadata(tmp_path / "a.parquet") == {"rubrics": {"refusal": "x"}}
