"""Families of mixes: the number of sources changes, every source occurs equally often."""

from __future__ import annotations

from collections import Counter

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from repository import ROOT

from manybaskets.config import parse_study
from manybaskets.config.mix_families import balanced_subsets
from manybaskets.errors import UserError

SHIPPED = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
FOUR = ["llama", "qwen", "mistral", "gemma"]


def study(**family):
    settings = {key: value for key, value in SHIPPED.items() if key != "source_counts"}
    settings |= {"source_count_seeds": [7], "source_counts": {"number": family}}
    return parse_study(settings, "config.yaml")


@given(st.integers(1, 12), st.data())
def test_every_source_occurs_equally_often_and_no_mix_is_there_twice(total, data):
    sources = [f"s{number}" for number in range(total)]
    count = data.draw(st.integers(1, total))
    subsets = balanced_subsets(sources, count)
    assert all(len(set(subset)) == count for subset in subsets)
    assert len({frozenset(subset) for subset in subsets}) == len(subsets)
    used = Counter(source for subset in subsets for source in subset)
    assert set(used) == set(sources) and len(set(used.values())) == 1


def test_four_sources_make_four_two_four_and_one_mix_and_take_what_is_there():
    made = study(sources=FOUR, counts=[1, 2, 3, 4])
    members = made.count_members("number")
    assert Counter(len(sources) for sources in members.values()) == {1: 4, 2: 2, 3: 4, 4: 1}
    assert {mix for mix, sources in members.items() if len(sources) == 1} == {
        f"single-{name}" for name in FOUR
    }
    assert members["multi"] == tuple(FOUR)
    added = [mix for mix in members if mix not in SHIPPED["mixes"]]
    assert made.added_mixes() == added and len(added) == 6
    assert all(made.mix_sources(mix) == list(members[mix]) for mix in added)
    assert [made.seeds_of(mix) for mix in (added[0], "multi", "vanilla")] == [[7], [1, 2, 3], [0]]


def test_a_config_that_was_read_once_reads_the_same_again():
    made = study(sources=FOUR, counts=[2, 3])
    assert parse_study(made.settings(), "again") == made


@pytest.mark.parametrize(
    ("family", "message"),
    [
        ({"sources": FOUR, "counts": [1, 5]}, "source_counts.number.counts: [1, 5]"),
        ({"sources": FOUR, "counts": [2, 2]}, "counts: remove the duplicate 2"),
        (
            {"sources": ["llama", "llama"], "counts": [1, 2]},
            "sources: remove the duplicate 'llama'",
        ),
        ({"sources": ["llama", "falcon"], "counts": [1, 2]}, "'falcon' is not among sources"),
    ],
)
def test_an_impossible_family_is_told_with_its_key(family, message):
    with pytest.raises(UserError) as error:
        study(**family)
    assert message in str(error.value)


def test_a_study_of_sources_alone_needs_no_target_and_a_half_one_is_refused():
    kept = ("study", "dataset", "models", "sources", "embedded_model_size", "prompting")
    alone = {key: SHIPPED[key] for key in kept} | {
        "source_analysis": {"measures": ["response_words"]}
    }
    made = parse_study(alone, "alone.yaml")
    assert made.used_sources() == ["human", *FOUR] and made.mixed_sources() == []
    assert made.measures_of("train") == ["response_words"]
    two = {"source_analysis": {"measures": ["response_words"], "sources": ["qwen", "human"]}}
    assert parse_study(alone | two, "two.yaml").used_sources() == ["human", "qwen"]
    with pytest.raises(UserError, match="targets: empty; a study of runs needs"):
        parse_study(alone | {"mixes": {"human": {"kind": "human"}}}, "half.yaml")
    with pytest.raises(UserError, match="a study of sources alone needs `source_analysis`"):
        parse_study({key: SHIPPED[key] for key in kept}, "nothing.yaml")


def test_only_sources_that_mixes_use_are_described_unless_named():
    mixes = {"human": {"kind": "human"}, "one": {"kind": "single", "source": "qwen"}}
    settings = SHIPPED | {"source_analysis": {"measures": ["response_words"]}, "mixes": mixes}
    settings["preference"] = None  # names mixes, too
    settings |= {"comparisons": {}, "source_counts": {}}
    made = parse_study(settings, "c.yaml")
    assert made.analysed_sources() == ["human", "qwen"] == made.used_sources()
    named = settings | {"source_analysis": {"measures": ["response_words"], "sources": ["falcon"]}}
    with pytest.raises(UserError, match="source_analysis.sources: 'falcon' is not among sources"):
        parse_study(named, "c.yaml")


def test_sources_are_compared_on_the_training_prompts():
    family = {"baseline": "human", "conditions": ["llama"], "prompt_set": "train"}
    family |= {"measures": ["response_words"]}
    settings = SHIPPED | {
        "comparisons": {"sources": family},
        "source_analysis": {"measures": ["response_words"]},
    }
    assert parse_study(settings, "c").comparisons["sources"].conditions == ["llama"]
    with pytest.raises(UserError, match="'multi' is not among sources listed in `source_analysis`"):
        parse_study(
            settings | {"comparisons": {"sources": family | {"conditions": ["multi"]}}}, "c.yaml"
        )
