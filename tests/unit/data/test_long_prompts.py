"""What the split makes of prompts that are too long: they leave by id, or become shorter, or stop it."""

from __future__ import annotations

import polars as pl
import pytest

from manybaskets.config.data import Split
from manybaskets.data.long_prompts import fit_sets, fit_split, strictest, write_split
from manybaskets.data.prompt_readers import LONG_PROMPTS, estimating_reader
from manybaskets.data.prompt_sets import write_prompt_sets
from manybaskets.errors import UserError
from manybaskets.records.responses import (
    PROMPTS,
    long_prompt_counts,
    long_prompts_of_sets,
)
from manybaskets.records.writing import write_table

LIMITS = {"max_prompt_tokens": 9, "long_prompts": "shorten"}
ROWS = pl.DataFrame(
    {
        "prompt_id": ["a", "b", "c", "d"],
        "context": ["", "a long passage", "other", ""],
        "used": [True, True, True, False],
    }
)


def long(*rows: tuple[str, str, int, int | None]) -> pl.DataFrame:
    """Long prompts: id, action, tokens, kept characters."""
    full = [
        (a, action, "m", tokens, 9, kept, f"{a}?", None, None) for a, action, tokens, kept in rows
    ]
    return pl.DataFrame(full, schema=LONG_PROMPTS, orient="row")


def test_prompts_leave_by_id_and_contexts_become_shorter():
    found = long(
        ("a", "excluded", 12, None), ("b", "shortened", 14, 7), ("d", "excluded", 99, None)
    )
    rows, counts = fit_split(ROWS, found, LIMITS, 0.5)
    assert counts == {"excluded": 1, "shortened": 1}  # d was not in use
    assert rows.select("prompt_id", "context", "whole_context", "used").rows() == [
        ("a", "", None, False),
        ("b", "a long", "a long passage", True),
        ("c", "other", None, True),
        ("d", "", None, False),
    ]


def test_too_large_a_share_stops_with_the_worst_prompts():
    found = long(
        ("a", "excluded", 12, None), ("b", "excluded", 40, None), ("c", "shortened", 20, 1)
    )
    with pytest.raises(UserError) as error:
        fit_split(ROWS, found, LIMITS, 0.6)
    text = str(error.value)
    assert "2 of 3 prompts are too long" in text and "at most a share of 0.6" in text
    assert text.index("b: 40 tokens for 'm', which takes 9") < text.index("a: 12 tokens")
    for key in ("prompting.max_prompt_tokens", "prompting.max_excluded_share",
                "cleaning.max_instruction_characters"):  # fmt: skip
        assert key in text
    assert fit_split(ROWS, found, LIMITS, 0.67)[1]["excluded"] == 2


def test_a_study_that_may_not_shorten_stops_at_the_first():
    stop = LIMITS | {"long_prompts": "stop"}
    with pytest.raises(UserError, match="1 of 3 prompts") as error:
        fit_split(ROWS, long(("b", "shortened", 14, 7)), stop, 0.5)
    assert "long_prompts: shorten" in str(error.value)
    assert fit_split(ROWS, long(("d", "excluded", 14, None)), stop, 0.5)[1]["excluded"] == 0


@pytest.fixture()
def clean(tmp_path):
    rows = pl.DataFrame(
        {
            "prompt_id": [f"p{number:02}" for number in range(40)],
            "instruction": [f"Is it {number}?" for number in range(40)],
            "context": [f"the passage number {number}" for number in range(40)],
            "response": ["So."] * 40,
            "category": ["x"] * 40,
        }
    ).with_columns(follow_ups=pl.lit([], dtype=pl.List(pl.String)))
    write_table(rows, tmp_path / "clean.parquet")
    return tmp_path / "clean.parquet"


def made(folder, clean, found: pl.DataFrame | None, servers=()):
    """The split and the training prompts."""
    files = {}
    if found is not None:
        files["m"] = folder / "m.jsonl"
        files["m"].write_text(found.write_ndjson())
    write_split(clean, Split(parts=2), 7, long_prompts=files, servers=servers, limits=LIMITS,
                max_excluded_share=0.1, output=folder / "split.parquet")  # fmt: skip
    split = pl.read_parquet(folder / "split.parquet")
    train, test = folder / "train.parquet", folder / "test.parquet"
    write_prompt_sets(split, {}, towns=None, seed=1, train=train, sets={"test": test},
                      long_prompts=long_prompt_counts(folder / "split.parquet"),
                      long_prompts_of_sets={})  # fmt: skip
    return split, train, test


def test_every_other_prompt_keeps_its_place(clean, tmp_path):
    """The training prompts have the shortened text, and what it was."""
    before, _, _ = made(tmp_path, clean, None)
    ids = before.filter(pl.col("split") == "train")["prompt_id"].to_list()
    left, cut = ids[:2]
    after, train, test = made(tmp_path, clean, long((left, "excluded", 10, None), (cut, "shortened", 10, 7)))  # fmt: skip
    places = ["prompt_id", "split", "part"]
    assert after.select(places).equals(before.select(places))
    prompts = pl.read_parquet(train)
    assert left not in prompts["prompt_id"]
    assert prompts.height + pl.read_parquet(test).height == 39
    row = prompts.row(by_predicate=pl.col("prompt_id") == cut, named=True)
    assert row["context"] == "the pas" and row["whole_context"].startswith("the passage number")
    assert long_prompt_counts(train) == {
        "long_prompts": {"excluded": 1, "shortened": 1, "models": ["m"]}
    }


def test_unmeasured_prompts_stay_as_they_are(clean, tmp_path):
    split, train, _ = made(tmp_path, clean, None)
    assert "whole_context" not in split.columns and split["used"].all()
    assert pl.read_parquet(train).schema == PROMPTS and long_prompt_counts(train) == {}


def test_a_server_that_states_its_context_bounds_the_prompts(clean, tmp_path):
    server = estimating_reader("far", 64 + 9, "")  # 27 characters; the prompts have up to 34
    split, train, _ = made(tmp_path, clean, None, [server])
    cut = split.filter(pl.col("whole_context").is_not_null())
    assert cut.height == 40 and split["used"].all()
    asked = pl.read_parquet(train)
    assert (asked["instruction"].str.len_chars() + asked["context"].str.len_chars() + 2).max() <= 27
    assert long_prompt_counts(train)["long_prompts"]["shortened"] == 40


def test_the_strictest_model_decides():
    found = pl.concat(
        [
            long(("a", "shortened", 12, 30), ("b", "shortened", 12, 5), ("c", "shortened", 12, 5)),
            long(("a", "shortened", 11, 20), ("b", "excluded", 12, None)).with_columns(
                model=pl.lit("n")
            ),
            long(("b", "excluded", 15, None)).with_columns(model=pl.lit("o")),
        ]
    )
    assert strictest(found).select("prompt_id", "action", "model", "context_characters").rows() == [
        ("a", "shortened", "n", 20),
        ("b", "excluded", "o", None),
        ("c", "shortened", "m", 5),
    ]


# --- other prompt sets ----------------------------------------------------------------------------


def of_set(name: str, prompts: int, *rows: tuple[str, str, int, int | None]) -> pl.DataFrame:
    return long(*rows).with_columns(
        prompt_set=pl.lit(name), prompts=pl.lit(prompts, dtype=pl.Int64)
    )


def test_the_prompts_of_a_set_leave_or_become_shorter_for_all_models():
    found = pl.concat(
        [
            long(("a", "excluded", 12, None)),
            of_set("harm", 20, ("a", "shortened", 12, 8), ("b", "excluded", 30, None)),
            of_set("harm", 20, ("a", "shortened", 12, 6)).with_columns(model=pl.lit("n")),
            of_set("judge j", 40, ("t/b", "not judged", 12, None),
                   ("t/c", "not judged if the answer is long", 8, None)),
        ]
    )  # fmt: skip
    counts, kept = fit_sets(found, LIMITS, 0.1)
    assert counts == {
        "harm": {"excluded": 1, "shortened": 1},
        "judge j": {"not judged": 1, "not judged if the answer is long": 1},
    }
    assert kept == {"harm": {"a": 6, "b": None}}


def test_too_large_a_share_of_any_set_stops_and_names_its_key():
    found = of_set("robustness/jailbreak", 20, ("t/a", "excluded", 99, None),
                   ("t/b", "excluded", 98, None)).with_columns(
                       question=pl.lit(None, dtype=pl.String))  # fmt: skip
    assert fit_sets(found, LIMITS, 0.1)[0]["robustness/jailbreak"] == {"excluded": 2}
    with pytest.raises(UserError, match="2 of 20 prompts are too long") as error:
        fit_sets(found, LIMITS, 0.09)
    text = str(error.value)
    assert "prompt set 'robustness/jailbreak'" in text
    assert "t/a: 99 tokens for 'm', which takes 9\n" in text, "no text of a prompt"
    with pytest.raises(UserError, match="long_prompts: shorten"):
        fit_sets(found, LIMITS | {"long_prompts": "stop"}, 1.0)


def test_a_judge_that_cannot_read_the_requests_stops_the_study():
    rows = [(f"t/{place}", "not judged", 5000, None) for place in range(3)]
    maybe = [(f"u/{place}", "not judged if the answer is long", 8, None) for place in range(17)]
    found = of_set("judge j, harm", 20, *rows, *maybe)
    with pytest.raises(UserError, match="3 of 20") as error:
        fit_sets(found, LIMITS, 0.1)
    assert "questions to judge j, harm" in error.value.where
    assert "max_prompt_tokens" in error.value.remedy
    # Answers may be short: these are counted and stop nothing, whatever the config says.
    stop = LIMITS | {"long_prompts": "stop"}
    counts, kept = fit_sets(of_set("judge j, harm", 20, *maybe), stop, 0.1)
    assert counts["judge j, harm"] == {"not judged if the answer is long": 17} and kept == {}


def test_a_prompt_set_is_written_as_the_split_decided(clean, tmp_path):
    file = tmp_path / "harm.csv"
    texts = [
        ("Why?", "a long passage"),
        ("How do you do it? " * 9 + "Say it.", ""),
        ("Who?", "short"),
    ]
    rows = pl.DataFrame(texts, schema=["instruction", "context"], orient="row")
    rows.write_csv(file)
    settings = {"kind": "file", "path": str(file),
                "fields": {"instruction": "instruction", "context": "context"}}  # fmt: skip
    target = tmp_path / "harm.parquet"

    def written(kept):
        split = pl.read_parquet(tmp_path / "split.parquet")
        write_prompt_sets(split, {"harm": settings}, towns=None, seed=1, train=tmp_path / "t.parquet",
                          sets={"harm": target}, long_prompts={}, long_prompts_of_sets=kept)  # fmt: skip
        return pl.read_parquet(target)

    made(tmp_path, clean, None)
    whole = written({})
    ids = {text: each for each, text in whole.select("prompt_id", "instruction").iter_rows()}
    assert whole.height == 3
    long_rows = [(ids["Why?"], "shortened", 12, 7), (ids[texts[1][0]], "excluded", 50, None)]
    found = pl.concat([long(), of_set("harm", 40, *long_rows)])
    made(tmp_path, clean, found)
    split = tmp_path / "split.parquet"
    assert long_prompt_counts(split)["long_prompts"]["sets"] == {
        "harm": {"excluded": 1, "shortened": 1}
    }
    fitted = written(long_prompts_of_sets(split))
    assert fitted.schema == PROMPTS
    assert dict(fitted.select("instruction", "context").iter_rows()) == {
        "Why?": "a long",
        "Who?": "short",
    }
