"""The split: exact totals, category shares, balanced parts, and the same for any order of rows."""

from __future__ import annotations

from collections import Counter
from math import ceil

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from repository import SHARED_DATA
from sklearn.model_selection import train_test_split

from manybaskets.config.data import Cleaning, Split
from manybaskets.config.sections import Fields
from manybaskets.data.cleaning import clean
from manybaskets.data.reading import read_rows
from manybaskets.data.splits import split
from manybaskets.errors import UserError
from manybaskets.records.ids import prompt_ids

DOLLY = SHARED_DATA / "databricks-dolly-15k.jsonl.gz"


def frame_of(categories, repeats=()):
    """Prompts with these categories; those at `repeats` all ask the first prompt's text."""
    asked = [f"question {0 if index in repeats else index}" for index in range(len(categories))]
    frame = pl.DataFrame(
        {
            "instruction": asked,
            "context": [""] * len(asked),
            "response": [f"answer {index}" for index in range(len(asked))],
            "category": list(categories),
        },
        schema_overrides={"category": pl.String},
    )
    return frame.with_columns(prompt_ids(frame))


def sides(frame):
    return Counter(frame["split"])


CATEGORIES = st.lists(st.sampled_from(["a", "b", "c", None]), min_size=24, max_size=120)
SPLITS = st.builds(
    Split,
    test_share=st.sampled_from([0.0, 0.1, 0.25]),
    validation_share=st.sampled_from([0.05, 0.2]),
    parts=st.integers(1, 4),
    stratify=st.booleans(),
    group_repeats=st.booleans(),
    max_train_prompts=st.none() | st.just(16),
    max_test_prompts=st.none(),
)


@settings(max_examples=80, deadline=None)
@given(CATEGORIES, SPLITS, st.integers(0, 5), st.randoms(use_true_random=False))
def test_totals_shares_and_order(categories, settings_, seed, rng):
    frame = frame_of(categories)
    result = split(frame, settings_, seed)
    rows = frame.height
    test = ceil(round(settings_.test_share * rows, 9))
    rest = rows - test
    validation = ceil(round(settings_.validation_share * rest, 9))
    wanted = {"test": test, "validation": validation, "train": rest - validation}
    assert sides(result) == {name: count for name, count in wanted.items() if count}

    shuffled = frame.sample(fraction=1.0, shuffle=True, seed=rng.randrange(2**32))
    assert split(shuffled, settings_, seed).sort("prompt_id").equals(result.sort("prompt_id"))

    if settings_.stratify:
        training = result.filter(pl.col("split") != "test")
        sample = training.filter("used")
        held_out = pl.col("split") == "validation"
        _shares_hold(result, result.filter(pl.col("split") == "test"), 1)
        _shares_hold(training, training.filter(held_out), 1)
        for condition in (held_out, ~held_out):
            _shares_hold(training.filter(condition), sample.filter(condition), 1)

    parts = Counter(result["part"].drop_nulls())
    assert set(parts) == set(range(1, settings_.parts + 1))
    assert max(parts.values()) - min(parts.values()) <= 1
    assert result.filter(pl.col("part").is_null())["split"].unique().to_list() in ([], ["test"])

    wanted_rows = settings_.max_train_prompts or rest
    used = result.filter("used")
    assert used.filter(pl.col("split") != "test").height == wanted_rows
    share = ceil(round(settings_.validation_share * wanted_rows, 9))
    assert sides(used).get("validation", 0) == share
    assert sides(used).get("test", 0) == test


def _shares_hold(population, chosen, tolerance):
    total, size = population.height, chosen.height
    found = Counter(chosen["category"])
    for category, count in Counter(population["category"]).items():
        assert abs(found[category] - count * size / total) <= tolerance


@pytest.mark.parametrize("categories", [[None] * 200, ["a"] * 97 + ["b"] * 60 + ["c"] * 43])
@pytest.mark.parametrize("parts", [3, 4])
def test_parts_stay_balanced_in_validation_and_in_samples(categories, parts):
    settings_ = Split(parts=parts, validation_share=0.1, max_train_prompts=60, max_test_prompts=7)
    result = split(frame_of(categories), settings_, 1)
    training = result.filter(pl.col("split") != "test")
    assert training.filter("used").height == 60
    assert result.filter((pl.col("split") == "test") & pl.col("used")).height == 7
    for chosen in (
        training.filter(pl.col("split") == "validation"),
        training.filter("used"),
        training.filter(pl.col("used") & (pl.col("split") == "validation")),
    ):
        sizes = Counter(chosen["part"])
        assert len(sizes) == parts
        assert max(sizes.values()) - min(sizes.values()) <= 1


def test_sizes_are_those_of_scikit_learn():
    """The published 13,509 / 1,502 came from there; categories agree within one."""
    categories = ["open"] * 251 + ["closed"] * 118 + ["general"] * 147 + ["write"] * 47
    frame = frame_of(categories)
    result = split(frame, Split(), 42)
    indices = list(range(len(categories)))
    theirs = train_test_split(indices, test_size=0.1, random_state=42, stratify=categories)[1]
    ours = result.filter(pl.col("split") == "test")
    assert ours.height == len(theirs)
    wanted, found = Counter(categories[i] for i in theirs), Counter(ours["category"])
    assert all(abs(wanted[name] - found[name]) <= 1 for name in set(categories))


def test_another_seed_chooses_other_prompts():
    frame = frame_of(["a"] * 100)
    chosen = [set(split(frame, Split(), s).filter(split="test")["prompt_id"]) for s in range(4)]
    assert len(set(map(frozenset, chosen))) == 4


def test_validation_does_not_depend_on_the_sample_size():
    frame = frame_of(["a", "b"] * 60)
    everything = split(frame, Split(), 3)
    some = split(frame, Split(max_train_prompts=40), 3)
    assert everything["split"].equals(some["split"]) and everything["part"].equals(some["part"])


def test_repeats_stay_together_and_the_total_is_exact():
    for seed in range(30):
        frame = frame_of(["a"] * 40, repeats=range(3))
        result = split(frame, Split(test_share=0.4), seed)
        group = result.filter(pl.col("instruction") == "question 0")["split"]
        assert len({name == "test" for name in group}) == 1
        assert sides(result)["test"] == 16
    # With many repeated prompts, the share of them that is held out is the test share.
    groups = frame_of(["a"] * 60)
    frame = pl.concat([groups, groups.with_columns(response=pl.lit("other"))])
    frame = frame.drop("prompt_id").with_columns(prompt_ids(frame))
    result = split(frame, Split(test_share=0.1), 0)
    assert sides(result)["test"] == 12
    sides_seen = result.group_by("instruction").agg((pl.col("split") == "test").n_unique())
    assert sides_seen["split"].unique().to_list() == [1]


def test_repeats_may_be_parted_when_grouping_is_off():
    frame = frame_of(["a"] * 40, repeats=range(20))
    result = split(frame, Split(test_share=0.4, group_repeats=False), 0)
    group = result.filter(pl.col("instruction") == "question 0")["split"]
    assert {"test", "train"} <= set(group)


def test_repeated_prompts_are_as_likely_to_be_held_out_as_others():
    frame = frame_of(["a"] * 50, repeats=(0, 1))
    pair = frame.filter(pl.col("instruction") == "question 0")["prompt_id"][0]
    pairs = pl.concat([frame, *_pairs(49)])
    pairs = pairs.drop("prompt_id").with_columns(prompt_ids(pairs))
    held_out = 0
    for seed in range(40):
        result = split(pairs, Split(test_share=0.3), seed)
        held_out += result.filter(prompt_id=pair, split="test").height
    assert 4 <= held_out <= 20  # 12 expected


def _pairs(count):
    texts = [f"pair {index // 2}" for index in range(2 * count)]
    for index, text in enumerate(texts):
        row = {"instruction": text, "context": "", "response": str(index), "category": "a"}
        yield pl.DataFrame({**row, "prompt_id": ""})


@pytest.mark.parametrize(
    ("rows", "settings_", "key"),
    [
        (1, Split(parts=1), "split.test_share"),
        (3, Split(parts=4, test_share=0.0), "split.parts"),
        (4, Split(parts=4, test_share=0.0, validation_share=0.2), "split.parts"),
        (1, Split(parts=1, test_share=0.0, validation_share=0.2), "split.validation_share"),
        (20, Split(max_train_prompts=19), "split.max_train_prompts"),
        (20, Split(max_test_prompts=4), "split.max_test_prompts"),
        (20, Split(test_share=0.0, max_test_prompts=4), "split.max_test_prompts"),
        (20, Split(parts=9, max_train_prompts=8), "split.parts"),
    ],
)
def test_impossible_splits_name_the_key(rows, settings_, key):
    with pytest.raises(UserError, match="impossible") as caught:
        split(frame_of(["a"] * rows), settings_, 0)
    assert caught.value.where == f"config, {key}"
    assert str(getattr(settings_, key.removeprefix("split."))) in caught.value.what


def test_one_group_of_everything_cannot_be_split():
    with pytest.raises(UserError, match="test set would be empty"):
        split(frame_of(["a"] * 10, repeats=range(10)), Split(), 0)


def test_dolly_in_full():
    if not DOLLY.exists():
        pytest.skip(f"the real dataset is not at {DOLLY}")
    rows = read_rows(DOLLY, Fields())
    cleaned, counts = clean(rows, Cleaning(), str(DOLLY))
    assert counts["rows"] == counts["kept"] == 15_015
    assert cleaned["prompt_id"].n_unique() == 15_015
    result = split(cleaned, Split(), 42)
    assert sides(result) == {"test": 1_502, "validation": 676, "train": 12_837}
    assert sorted(Counter(result["part"].drop_nulls()).values()) == [3378, 3378, 3378, 3379]
    texts = result.group_by("instruction", "context").agg((pl.col("split") == "test").n_unique())
    assert texts["split"].max() == 1
    held_out = result.filter(pl.col("split") == "validation")["part"]
    assert set(Counter(held_out).values()) == {169}
