"""The registry, and how measures become rows."""

from __future__ import annotations

import random
import subprocess
import sys
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from manybaskets.errors import UserError
from manybaskets.measures import (
    EXCLUDED,
    USED,
    Inputs,
    SentenceVectors,
    all_measures,
    compute,
    get,
    measure,
)
from manybaskets.records.measured import GROUP_DRAWS, GROUPS, MEASURED, PARTITION_DRAWS
from manybaskets.statistics.clusters import cluster_groups, cluster_halves

IDS = [f"p{number:02d}" for number in range(8)]
CONSTANT = {"model": "m", "mix": "human", "seed": 3, "prompt_set": "test"}
WORDS, BLEU = get("response_words"), get("self_bleu")
HALVED = replace(BLEU, resampling="halves")


def inputs(ids: list[str], **more) -> Inputs:
    texts = [f"text {prompt_id} of {number % 3} words" for number, prompt_id in enumerate(ids)]
    return Inputs(frame=pl.DataFrame({"prompt_id": ids, "text": texts}), token_budget=30, **more)


def test_all_measures_are_described() -> None:
    names = {each.name for each in all_measures()}
    assert names >= {"self_bleu", "human_nll", "semantic_between", "habit_count", "vocabulary"}
    for each in all_measures():
        assert each.label and each.unit and len(each.description) > 20
        assert get(each.name) is each
        companion = each.name.startswith("heaps_") and not each.name.startswith("heaps_beta")
        assert "Source: " in each.description or not each.lexical or companion
    assert {n for n in names if get(n).transform == "exp"} >= {"human_nll", "own_nll"}


def test_an_unknown_measure_lists_those_that_exist() -> None:
    with pytest.raises(UserError, match="self_blue") as caught:
        get("self_blue")
    assert "self_bleu" in caught.value.expected


def test_a_name_is_taken_once() -> None:
    def self_bleu(inputs):
        return [0.0]

    with pytest.raises(ValueError, match="already registered"):
        measure(label="x", unit="x", direction="none", level="prompt")(self_bleu)
    assert get("self_bleu") is BLEU


def test_the_registry_does_not_import_torch() -> None:
    code = "import manybaskets.measures, sys; sys.exit('torch' in sys.modules)"
    path = ":".join(each for each in sys.path if each)
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": path}).returncode == 0


def test_prompt_rows_cover_every_prompt_and_missing_answers_are_null() -> None:
    rows = compute([WORDS], inputs(IDS[:6]), **CONSTANT, all_prompt_ids=IDS)
    assert rows.schema == MEASURED
    assert rows["prompt_id"].to_list() == IDS
    assert rows["value"].to_list() == [5.0] * 6 + [None] * 2
    assert rows["draw"].unique().to_list() == [0]
    assert rows.select(list(CONSTANT)).unique().row(0, named=True) == CONSTANT


def test_several_answers_to_a_prompt_are_averaged() -> None:
    frame = pl.DataFrame({"prompt_id": ["a", "a", "b"], "text": ["x", "x y z", "x"]})
    rows = compute([WORDS], Inputs(frame, 9), **CONSTANT, all_prompt_ids=["b", "a"])
    assert rows["value"].to_list() == [2.0, 1.0]


def test_set_rows_are_the_measure_on_the_half_samples() -> None:
    given, draws = inputs(IDS), cluster_halves(IDS, 5, 1)
    rows = compute([HALVED], given, **CONSTANT, all_prompt_ids=IDS, draws=draws)
    value = dict(zip(rows["draw"], rows["value"], strict=True))
    evaluate = HALVED.function(given)
    assert rows["prompt_id"].null_count() == rows.height == 8
    assert value[0] == evaluate(np.arange(8))
    expected = [evaluate(draw) for draw in draws]
    assert [value[draw] for draw in range(1, 6)] == pytest.approx(expected, rel=1e-12)
    assert (value[USED], value[EXCLUDED]) == (8, 0)


def test_groups_of_prompts_are_left_out_one_and_two_at_a_time() -> None:
    given, groups = inputs(IDS), cluster_groups(IDS, 31, 1)
    rows = compute([BLEU], given, **CONSTANT, all_prompt_ids=IDS, groups=groups)
    drawn = rows.filter(pl.col("draw") > 0).sort("draw")
    assert drawn["draw"].to_list() == list(range(GROUP_DRAWS, GROUP_DRAWS + 2 * PARTITION_DRAWS))
    evaluate = BLEU.function(given)
    assert drawn["value"].to_list() == pytest.approx([evaluate(each) for each in groups])
    for start in (0, PARTITION_DRAWS):
        left = [set(range(8)) - set(each) for each in groups[start : start + PARTITION_DRAWS]]
        assert sorted(row for each in left[:GROUPS] for row in each) == list(range(8))
        pairs = [left[place] | left[place + 1] for place in range(0, GROUPS, 2)]
        assert left[GROUPS:] == pairs


def test_half_samples_point_at_prompts_and_not_at_rows() -> None:
    answered = [prompt_id for prompt_id in IDS if prompt_id != "p02"]
    given = inputs(answered)
    rows = compute([HALVED], given, **CONSTANT, all_prompt_ids=IDS, draws=[np.array([1, 2, 3, 7])])
    value = dict(zip(rows["draw"], rows["value"], strict=True))
    assert value[1] == HALVED.function(given)(np.array([1, 2, 6]))
    assert (value[USED], value[EXCLUDED]) == (7, 1)


def test_prompts_whose_answers_do_not_count_are_excluded() -> None:
    frame = pl.DataFrame({"prompt_id": IDS[:5], "text": ["a b c", "?!", "x y", "d e f g", "…"]})
    wanted = [get(name) for name in ("distinct_1", "distinct_3", "self_repetition")]
    rows = compute(wanted, Inputs(frame, 9), **CONSTANT, all_prompt_ids=IDS)
    counts = {
        (name, draw): value for name, draw, value in rows["measure", "draw", "value"].iter_rows()
    }
    assert [counts[each.name, USED] for each in wanted] == [3, 2, 3]
    assert [counts[each.name, EXCLUDED] for each in wanted] == [5, 6, 5]


def test_a_costly_measure_is_evaluated_on_its_first_half_samples_only() -> None:
    given, draws = inputs(IDS), cluster_halves(IDS, 30, 1)
    wanted = [replace(HALVED, name="costly", most_draws=20), HALVED]
    rows = compute(wanted, given, **CONSTANT, all_prompt_ids=IDS, draws=draws)
    kept = {
        name: sorted(group["draw"].to_list())
        for (name,), group in rows.filter(pl.col("draw") > 0).group_by("measure")
    }
    assert kept["costly"] == list(range(1, 21))
    assert kept["self_bleu"] == list(range(1, 31))
    fewer = compute(wanted, given, **CONSTANT, all_prompt_ids=IDS, draws=draws[:3])
    assert fewer.filter(pl.col("draw") > 0).height == 6


def test_a_measure_of_sets_may_be_a_plain_function() -> None:
    longest = replace(
        HALVED, name="longest", function=lambda given: lambda index: float(index.max(initial=-1))
    )
    draws = [np.array([0, 2]), np.array([], dtype=np.int64)]
    rows = compute([longest], inputs(IDS), **CONSTANT, all_prompt_ids=IDS, draws=draws)
    value = dict(zip(rows["draw"], rows["value"], strict=True))
    assert [value[draw] for draw in (0, 1, 2, USED)] == [7.0, 2.0, -1.0, 8.0]


def test_set_measures_can_be_kept_to_matched_prompts() -> None:
    matched = IDS[2:6]
    rows = compute(
        [BLEU, WORDS], inputs(IDS), **CONSTANT, all_prompt_ids=IDS, set_prompt_ids=matched
    )
    sets = rows.filter(pl.col("measure") == "self_bleu")
    value = dict(zip(sets["draw"], sets["value"], strict=True))
    assert value[0] == BLEU.function(inputs(IDS))(np.arange(2, 6))
    assert (value[USED], value[EXCLUDED]) == (4, 4)
    assert rows.filter(pl.col("measure") == "response_words")["value"].null_count() == 0


def test_a_measure_without_its_inputs_is_an_error_and_one_for_other_prompts_is_left_out() -> None:
    with pytest.raises(UserError, match="needs embeddings"):
        compute([get("semantic_between")], inputs(IDS), **CONSTANT, all_prompt_ids=IDS)
    elsewhere = CONSTANT | {"prompt_set": "adversarial"}
    rows = compute([get("human_nll")], inputs(IDS), **elsewhere, all_prompt_ids=IDS)
    assert rows.height == 0 and rows.schema == MEASURED


def test_likelihoods_are_joined_by_prompt() -> None:
    likelihood = pl.DataFrame(
        {
            "prompt_id": IDS[::-1][:7],
            "reference_nll_without_end": [float(number) for number in range(7)],
            "own_nll_without_end": [None, float("nan"), float("inf"), 1.0, 2.0, 3.0, 4.0],
        }
    )
    given = inputs(IDS, likelihood=likelihood)
    rows = compute([get("human_nll"), get("own_nll")], given, **CONSTANT, all_prompt_ids=IDS)
    human = rows.filter(pl.col("measure") == "human_nll")["value"].to_list()
    own = rows.filter(pl.col("measure") == "own_nll")["value"].to_list()
    assert human == [None, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0]
    assert own == [None, 4.0, 3.0, 2.0, 1.0, None, None, None]


def test_wrong_inputs_are_refused() -> None:
    with pytest.raises(ValueError, match="sorted"):
        inputs(IDS[::-1])
    with pytest.raises(ValueError, match="a text is null"):
        Inputs(pl.DataFrame({"prompt_id": ["a", "b"], "text": ["x", None]}), 9)
    with pytest.raises(ValueError, match="embeddings"):
        inputs(IDS, embeddings=SentenceVectors(np.ones((1, 3)), np.array([8])))
    with pytest.raises(ValueError, match="outside the set"):
        compute([WORDS], inputs(IDS), **CONSTANT, all_prompt_ids=IDS[1:])
    short = replace(WORDS, function=lambda given: [1.0])
    with pytest.raises(ValueError, match="1 values for 8"):
        compute([short], inputs(IDS), **CONSTANT, all_prompt_ids=IDS)


def test_half_samples_depend_on_the_ids_and_the_seed_only() -> None:
    shuffled = random.Random(1).sample(IDS, len(IDS))
    first, again, other = (
        cluster_halves(IDS, 9, 4),
        cluster_halves(shuffled, 9, 4),
        cluster_halves(IDS, 9, 5),
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(first, other, strict=True))
    assert all(len(each) == len(set(each)) == 4 for each in first)
    assert len({tuple(each) for each in first}) > 1


def test_half_samples_estimate_the_standard_error_of_a_mean() -> None:
    rng = np.random.default_rng(13)
    ratios = []
    for time in range(40):
        values = rng.normal(size=80)
        draws = [
            values[half].mean() for half in cluster_halves([f"{n}" for n in range(80)], 100, time)
        ]
        ratios.append(np.std(draws, ddof=1) / (values.std(ddof=1) / np.sqrt(80)))
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.05)
