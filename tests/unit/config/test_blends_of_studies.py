"""Which mixes are blends, of which singles, and what the target's own is."""

from __future__ import annotations

import pytest
import yaml
from repository import ROOT

from manybaskets.config.blends import Blend, blends_of, comparable_blends, declared_measures
from manybaskets.config.loading import parse_study
from manybaskets.measures.selection import best_directions


def shipped(name: str, **changes):
    settings = yaml.safe_load((ROOT / "config" / f"{name}.yaml").read_text())
    return parse_study(settings | changes, name)


def test_a_blend_has_its_own_parts_and_no_others():
    blends = blends_of(shipped("wildchat-50m"))
    assert blends["l8i-q7"] == Blend(
        {"l8i": 0.5, "q7": 0.5}, [], {"llama-3.1-8b-base": "l8i", "qwen2-7b-base": "q7"}
    )
    assert dict(blends["q72-l70"].singles) == {"q72": 0.5, "l70": 0.5}


def test_the_own_of_a_target_is_a_part_of_the_blend_where_one_is_of_its_family():
    blends = blends_of(shipped("synthetic-eggs"))
    medium = blends["multi-medium"]
    assert medium.own == dict.fromkeys(["llama-3.1-8b", "llama-3.1-70b"], "single-medium")
    assert medium.missing == ["mistral-large", "qwen2.5-72b", "command-r-plus"]
    assert not medium.complete and medium.comparable


def test_weights_become_shares_and_added_mixes_come_last():
    mixes = yaml.safe_load((ROOT / "config/config.yaml").read_text())["mixes"]
    uneven = {"kind": "weighted", "weights": {"llama": 3, "qwen": 1}}
    blends = blends_of(shipped("config", mixes=mixes | {"uneven": uneven}))
    assert blends["uneven"].singles == {"single-llama": 0.75, "single-qwen": 0.25}
    assert list(blends)[:2] == ["multi", "uneven"] and list(blends)[2].startswith("baskets-")


def test_a_study_without_anything_to_compare_blends_with_has_no_such_table():
    study = shipped("laptop")
    assert blends_of(study)["multi"].missing == ["qwen1.5-7b"]
    assert comparable_blends(study) == {}


def test_declared_measures_are_those_of_runs():
    declared = declared_measures(shipped("config"))
    assert "phrasing_entropy" in declared["test"] and declared["refused"] == ["refusal"]
    assert "train" not in declared


@pytest.mark.parametrize("name", ["config", "synthetic-eggs", "wildchat-50m"])
def test_no_best_is_named_by_a_raw_form_of_a_length_controlled_measure(name):
    directions = best_directions(shipped(name))
    assert "distinct_2" not in directions and "self_bleu" not in directions
    assert set(directions.values()) <= {"higher", "lower"}


def test_the_length_controlled_form_has_a_best():
    directions = best_directions(shipped("config"))
    assert directions["distinct_2@token_budget"] == "higher"
    assert directions["self_bleu@len_matched"] == "lower"
    assert "response_words" not in directions
