"""Mixes: the same prompts, one answer each, shares as asked, and no test prompt ever."""

from __future__ import annotations

import json
from collections import Counter
from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manybaskets.config.data import Split
from manybaskets.config.mixes import HumanMix, MultiMix, SingleMix, WeightedMix
from manybaskets.data.splits import split
from manybaskets.errors import UserError
from manybaskets.mixes import eligibility as mixes
from manybaskets.mixes.assignment import assign
from manybaskets.mixes.mix_checks import check_same_prompts, count_mix, ids_by_split
from manybaskets.mixes.mix_rows import build_mix, read_mix, write_mix
from manybaskets.records import responses as records
from manybaskets.records.ids import prompt_ids

SOURCES = ("human", "hen", "duck", "goose", "swan")
FAILED = {"text": None, "finish_reason": "error", "error": "out of memory"}
HUMAN = HumanMix(kind="human")
MULTI = MultiMix(kind="multi", sources=list(SOURCES[1:]))


def split_of(rows=80, seed=1, **options):
    """A split table of made-up prompts."""
    frame = pl.DataFrame(
        {
            "instruction": [f"question {index}" for index in range(rows)],
            "context": ["passage" if index % 3 == 0 else "" for index in range(rows)],
            "response": [f"human {index}" for index in range(rows)],
            "category": ["abc"[index % 5 % 3] for index in range(rows)],
            "follow_ups": [[] for _ in range(rows)],
        },
        schema_overrides={"follow_ups": pl.List(pl.String)},
    )
    return split(frame.with_columns(prompt_ids(frame)), Split(**options), seed)


def answers_of(prompts, source, changes=()):
    """Responses of a source; `changes` replaces the columns of some prompts."""
    changes = dict(changes)
    answered = {"finish_reason": "stop", "prompt_tokens": 5, "completion_tokens": 7, "attempts": 1}
    rows = [
        {
            **answered,
            "prompt_id": prompt_id,
            "sample": sample,
            "turn": 0,
            "text": f"{source} on {prompt_id}, {sample}",
            **changes.get(prompt_id, {}),
        }
        for prompt_id in prompts["prompt_id"]
        for sample in (0, 1)
    ]
    return pl.DataFrame(rows, schema=records.RESPONSES).sample(fraction=1, shuffle=True, seed=0)


def lengths_of(prompts):
    pairs = [(source, target) for source in SOURCES for target in ("small", "large")]
    frame = pl.DataFrame(pairs, schema=["source", "target"], orient="row")
    answer = 20 + pl.col("source").str.len_chars().cast(pl.Int64)
    crossed = prompts.select("prompt_id").join(frame, how="cross")
    return crossed.with_columns(prompt_tokens=10, answer_tokens=answer, control_text=False)


@pytest.fixture(scope="module")
def table():
    return split_of()


@pytest.fixture(scope="module")
def prompts(table):
    return mixes.training_prompts(table)


@pytest.fixture(scope="module")
def responses(prompts):
    return {source: answers_of(prompts, source) for source in SOURCES}


def everyone(prompts):
    nothing = pl.lit(None, dtype=pl.String)
    return prompts.select("prompt_id", eligible=True, reason=pl.lit(""), source=nothing)


def make(prompts, recipe, responses, name="mix", system=""):
    assignment = assign(prompts, recipe, name, 1)
    return build_mix(prompts, everyone(prompts), assignment, responses, system)


def test_training_prompts_are_train_and_validation_in_use():
    prompts = mixes.training_prompts(split_of(max_train_prompts=20))
    assert prompts.height == 20
    assert set(prompts["split"]) == {"train", "validation"}


def test_a_prompt_that_fails_anywhere_leaves_everywhere(prompts, responses):
    first, second, third, fourth, fifth, *_ = prompts["prompt_id"]
    changed = responses | {
        "hen": answers_of(prompts, "hen", {first: FAILED, second: {"text": " \n"}}),
        "duck": answers_of(prompts, "duck", {first: {"text": ""}, third: FAILED}),
    }
    lengths = lengths_of(prompts)
    long = (pl.col("prompt_id").is_in([fourth, second])) & (pl.col("source") == "swan")
    one_target = long & (pl.col("target") == "large")
    tokens = pl.when(one_target).then(91).otherwise("answer_tokens")
    edge = pl.col("prompt_id") == fifth
    lengths = lengths.with_columns(answer_tokens=pl.when(edge).then(90).otherwise(tokens))
    found = mixes.eligibility(prompts, changed, lengths, 100)
    assert found.schema == mixes.ELIGIBILITY
    assert found["prompt_id"].equals(prompts["prompt_id"])
    out = {row[0]: row[2:] for row in found.filter(~pl.col("eligible")).iter_rows()}
    assert out == {
        first: ("failed answer", "hen"),
        second: ("empty answer", "hen"),
        third: ("failed answer", "duck"),
        fourth: ("too long", "swan"),
    }
    assert found.filter("eligible")["reason"].unique().to_list() == [""]
    assert found.filter("eligible")["source"].null_count() == prompts.height - 4


def test_truncated_answers_leave_all_mixes_or_stay(prompts, responses):
    first, second, third, *_ = prompts["prompt_id"]
    cut = {"finish_reason": "length"}
    changed = responses | {
        "duck": answers_of(prompts, "duck", {first: cut, third: FAILED}),
        "swan": answers_of(prompts, "swan", {first: cut, second: cut}),
    }
    lengths = lengths_of(prompts)
    long = (pl.col("prompt_id") == second) & (pl.col("source") == "swan")
    lengths = lengths.with_columns(answer_tokens=pl.when(long).then(91).otherwise("answer_tokens"))

    def left(*rule):
        found = mixes.eligibility(prompts, changed, lengths, 100, *rule)
        return {row[0]: row[2:] for row in found.filter(~pl.col("eligible")).iter_rows()}

    failed = {third: ("failed answer", "duck")}
    assert left() == left("exclude")
    assert left() == failed | {
        first: ("truncated answer", "duck"),
        second: ("truncated answer", "swan"),
    }
    assert left("keep") == failed | {second: ("too long", "swan")}


def test_rows_that_spell_a_control_token_stay_or_leave_all_mixes(prompts, responses):
    first, second, third, *_ = prompts["prompt_id"]
    changed = responses | {"hen": answers_of(prompts, "hen", {third: FAILED})}
    of_large = (pl.col("prompt_id") == first) & (pl.col("target") == "large")
    in_one_answer = of_large & (pl.col("source") == "swan")
    in_the_question = pl.col("prompt_id").is_in([second, third])
    lengths = lengths_of(prompts).with_columns(control_text=in_one_answer | in_the_question)

    def left(*rule):
        found = mixes.eligibility(prompts, changed, lengths, 100, "exclude", *rule)
        return {row[0]: row[2:] for row in found.filter(~pl.col("eligible")).iter_rows()}

    failed = {third: ("failed answer", "hen")}
    assert left() == left("keep") == failed
    gone = left("exclude")
    # The source is the first that fails.
    assert gone == {
        first: ("control text", "swan"),
        **dict.fromkeys([second, third], ("control text", "human")),
    }
    unknown = lengths.with_columns(control_text=pl.lit(None, dtype=pl.Boolean))
    found = mixes.eligibility(prompts, responses, unknown, 100)
    assert found["eligible"].all()


def test_failed_answers_need_no_length_but_others_do(prompts, responses):
    first, second = prompts["prompt_id"][:2]
    changed = responses | {"hen": answers_of(prompts, "hen", {first: FAILED})}
    lengths = lengths_of(prompts)
    hen, large = pl.col("source") == "hen", pl.col("target") == "large"
    without = lengths.filter(~(hen & (pl.col("prompt_id") == first)))
    assert mixes.eligibility(prompts, changed, without, 100)["eligible"].sum() == prompts.height - 1
    lacking = lengths.filter(~(hen & large & (pl.col("prompt_id") == second)))
    with pytest.raises(UserError, match=f"1 answers of source 'hen' have no length .*{second}"):
        mixes.eligibility(prompts, responses, lacking, 100)
    with pytest.raises(UserError, match="no length"):
        mixes.eligibility(prompts, responses, lengths.clear(), 100)


def test_a_source_that_skips_prompts_is_an_error(prompts, responses):
    changed = responses | {"duck": responses["duck"].filter(prompt_id=prompts["prompt_id"][0])}
    with pytest.raises(
        UserError, match=f"{prompts.height - 1} prompts have no answer from .*'duck'"
    ):
        mixes.eligibility(prompts, changed, lengths_of(prompts), 100)


def test_assignments_of_the_plain_kinds(prompts):
    single = SingleMix(kind="single", source="duck")
    assert set(assign(prompts, HUMAN, "h", 1)["source"]) == {"human"}
    assert set(assign(prompts, single, "s", 1)["source"]) == {"duck"}
    by_part = assign(prompts, MULTI, "m", 1).join(prompts, on="prompt_id")
    assert set(by_part.select("part", "source").iter_rows()) == set(enumerate(SOURCES[1:], 1))
    few = MultiMix(kind="multi", sources=["hen", "duck"])
    with pytest.raises(UserError, match="no source for part 3, 4") as caught:
        assign(prompts, few, "few", 1)
    assert "mixes.few.sources" in caught.value.where


WEIGHTS = st.dictionaries(
    st.sampled_from(SOURCES), st.sampled_from([0.1, 0.25, 1.0, 2.5, 7.0]), min_size=1
)


@settings(max_examples=60, deadline=None)
@given(WEIGHTS, st.integers(0, 20), st.integers(0, 2**32 - 1))
def test_weights_hold_within_one_in_any_order(prompts, weights, drop, shuffle):
    prompts = prompts[drop:]
    recipe = WeightedMix(kind="weighted", weights=weights)
    found = assign(prompts, recipe, "w", 7)
    total = sum(map(Fraction, map(str, weights.values())))
    shares = {source: Fraction(str(weight)) / total for source, weight in weights.items()}
    counts = Counter(found["source"])
    assert sum(counts.values()) == prompts.height and set(counts) <= set(weights)
    for source, share in shares.items():
        assert abs(counts[source] - share * prompts.height) < 1
    for cell in found.join(prompts, on="prompt_id").partition_by("split", "category", "part"):
        found_here = Counter(cell["source"])
        for source, share in shares.items():
            assert abs(found_here[source] - share * cell.height) < 2
    shuffled = prompts.sample(fraction=1, shuffle=True, seed=shuffle)
    turned = WeightedMix(kind="weighted", weights=dict(reversed(weights.items())))
    again = assign(shuffled, turned, "w", 7)
    assert again.sort("prompt_id").equals(found.sort("prompt_id"))


def test_weighted_mixes_differ_by_name_and_seed(prompts):
    recipe = WeightedMix(kind="weighted", weights={"hen": 1, "duck": 1})
    cases = [("a", 1), ("b", 1), ("a", 2)]
    drawn = {tuple(assign(prompts, recipe, *case)["source"]) for case in cases}
    assert len(drawn) == 3


def test_rows_of_a_mix(prompts, responses):
    rows = make(prompts, MULTI, responses, system="Be kind.")
    assert [row["prompt_id"] for row in rows] == sorted(prompts["prompt_id"])
    known = {row["prompt_id"]: row for row in prompts.iter_rows(named=True)}
    for row in rows:
        prompt = known[row["prompt_id"]]
        source = SOURCES[prompt["part"]]
        asked = prompt["instruction"]
        assert row == {
            "messages": [
                {"role": "system", "content": "Be kind."},
                {"role": "user", "content": f"passage\n\n{asked}" if prompt["context"] else asked},
                {"role": "assistant", "content": f"{source} on {row['prompt_id']}, 0"},
            ],
            "prompt_id": prompt["prompt_id"],
            "source": source,
            "sample": 0,
            "part": prompt["part"],
            "split": prompt["split"],
        }
    shuffled = prompts.sample(fraction=1, shuffle=True, seed=3)
    assert make(shuffled, MULTI, responses, system="Be kind.") == rows
    bare = make(prompts, HUMAN, responses)[0]["messages"]
    assert [turn["role"] for turn in bare] == ["user", "assistant"]


def test_only_the_context_is_shortened(prompts, responses):
    cut = pl.when(pl.col("part") == 1).then(4)
    rows = make(prompts.with_columns(context_characters=cut), HUMAN, responses)
    asked = {row["prompt_id"]: row["instruction"] for row in prompts.iter_rows(named=True)}
    contexts = {
        (row["part"] == 1, row["messages"][0]["content"].removesuffix(asked[row["prompt_id"]]))
        for row in rows
    }
    assert contexts == {(True, ""), (True, "pass\n\n"), (False, ""), (False, "passage\n\n")}


def test_ineligible_prompts_are_in_no_mix(prompts, responses):
    out = prompts["prompt_id"][3]
    eligible = everyone(prompts).with_columns(eligible=pl.col("prompt_id") != out)
    built = {}
    for name, recipe in {"human": HUMAN, "multi": MULTI}.items():
        assignment = assign(prompts, recipe, name, 1)
        rows = build_mix(prompts, eligible, assignment, responses, "")
        built[name] = ids_by_split(rows)
    check_same_prompts(built, test=[out])
    assert sum(map(len, built["multi"].values())) == prompts.height - 1


def test_missing_answers_are_counted_by_source(prompts, responses):
    gone = prompts.filter(part=2)["prompt_id"].sort()
    changed = responses | {
        "duck": responses["duck"].filter(~pl.col("prompt_id").is_in(gone.to_list()))
    }
    with pytest.raises(UserError) as caught:
        make(prompts, MULTI, changed)
    assert f"{len(gone)} prompts have no answer from source 'duck'" in caught.value.what
    assert str(gone[:5].to_list()) in caught.value.what
    without = {name: frame for name, frame in responses.items() if name != "swan"}
    with pytest.raises(UserError, match="source 'swan'"):
        make(prompts, MULTI, without)
    failing = responses | {"duck": answers_of(prompts, "duck", {gone[0]: FAILED})}
    with pytest.raises(UserError, match="1 prompts have no answer from source 'duck'"):
        make(prompts, MULTI, failing)


def test_no_test_prompt_and_no_empty_mix(table, prompts, responses):
    with pytest.raises(UserError, match="outside train and validation"):
        make(table, HUMAN, {"human": answers_of(table, "human")})
    assignment = assign(prompts, HUMAN, "human", 1)
    for side in ("train", "validation"):
        out = prompts.filter(split=side)["prompt_id"].to_list()
        left = everyone(prompts).with_columns(
            eligible=~pl.col("prompt_id").is_in(out), reason=pl.lit("too long")
        )
        with pytest.raises(
            UserError, match=f"no {side} prompt is left .*: {{'too long': {len(out)}}}"
        ):
            build_mix(prompts, left, assignment, responses, "")
    with pytest.raises(UserError, match="1 prompts have no source"):
        build_mix(prompts, everyone(prompts), assignment[1:], responses, "")


def test_counts_by_source(prompts, responses):
    rows = make(prompts, MULTI, responses)
    counts = count_mix(rows, lengths_of(prompts), "large")
    assert counts["rows"].sum() == prompts.height
    for line in counts.iter_rows(named=True):
        same = [row for row in rows if row["split"] == line["split"]]
        of_source = Counter(row["source"] for row in same)
        assert line["rows"] == of_source[line["source"]]
        assert line["share"] == pytest.approx(line["rows"] / len(same))
        assert line["prompt_tokens"] == 10 * line["rows"]
        assert line["answer_tokens"] == (20 + len(line["source"])) * line["rows"]
        expected = len(same) ** 2 / sum(count**2 for count in of_source.values())
        assert line["effective_sources"] == pytest.approx(expected)
    single = count_mix(make(prompts, HUMAN, responses), lengths_of(prompts), "small")
    assert single["effective_sources"].to_list() == [1.0, 1.0]
    with pytest.raises(UserError, match=f"{prompts.height} rows of the mix have no length"):
        count_mix(rows, lengths_of(prompts), "unknown")


SAME = {"train": ["a", "b"], "validation": ["c"]}


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"train": ["a", "d"], "validation": ["c"]}, "2 train prompts .*'x' and 'y'.*'b', 'd'"),
        ({"train": ["a", "b"], "validation": []}, "1 validation prompts"),
        ({"train": ["a", "c"], "validation": ["b"]}, "2 train prompts"),
        ({"train": ["a", "b", "a"], "validation": ["c"]}, "1 prompts .* more than once"),
        ({"train": ["a", "b"], "validation": ["c", "b"]}, "more than once"),
        ({"train": ["a", "b", "t"], "validation": ["c"]}, "1 test prompts"),
        ({**SAME, "test": ["e"]}, r"rows of split \['test'\]"),
    ],
)
def test_unequal_mixes_are_refused(other, message):
    check_same_prompts({"x": SAME, "y": dict(reversed(SAME.items()))}, test=["t"])
    with pytest.raises(UserError, match=message):
        check_same_prompts({"x": SAME, "y": other}, test=["t"])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 3), st.sampled_from([None, 24]), WEIGHTS)
def test_all_mixes_hold_the_same_prompts(seed, train_rows, weights):
    table = split_of(60, seed, max_train_prompts=train_rows, validation_share=0.2)
    prompts = mixes.training_prompts(table)
    responses = {source: answers_of(prompts, source) for source in SOURCES}
    weighted = WeightedMix(kind="weighted", weights=weights)
    built = {
        name: ids_by_split(make(prompts, recipe, responses, name))
        for name, recipe in {"human": HUMAN, "multi": MULTI, "weighted": weighted}.items()
    }
    check_same_prompts(built, table.filter(split="test")["prompt_id"])
    assert sum(map(len, built["human"].values())) == prompts.height
    with pytest.raises(UserError, match="1 test prompts"):  # a leak common to all mixes
        check_same_prompts(built, built["human"]["validation"][:1])


def test_files_come_back_and_bad_ones_are_named(tmp_path, prompts, responses):
    rows = make(prompts, MULTI, responses)
    rows[0]["messages"][-1]["content"] = "two\nlines, \u2028 and é"
    path = tmp_path / "deep" / "train.jsonl"
    write_mix(rows, path)
    assert read_mix(path) == rows
    assert len(path.read_bytes().split(b"\n")) == len(rows) + 1
    assert [each.name for each in path.parent.iterdir()] == ["train.jsonl"]

    def fails():
        raise RuntimeError("stopped")
        yield

    with pytest.raises(RuntimeError):
        write_mix(fails(), path)
    assert read_mix(path) == rows
    with pytest.raises(UserError, match="cannot be read"):
        read_mix(tmp_path / "none.jsonl")
    for bad in ('{"prompt_id"', "[]", json.dumps({"messages": []})):
        path.write_text(json.dumps(rows[0]) + "\n" + bad + "\n")
        with pytest.raises(UserError) as caught:
            read_mix(path)
        assert caught.value.where == f"{path}, line 2"
