"""Judges and subjects of one family are found."""

from __future__ import annotations

import pytest
from judged_study import STUDY, study

from manybaskets.config.loading import parse_study
from manybaskets.config.model_families import family_of, family_of_judge, known_family, relatives
from manybaskets.errors import UserError


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", "llama"),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", "mistral"),
        ("google/gemma-2-9b-it", "gemma"),
        ("Qwen/Qwen3-8B", "qwen"),
        ("gpt-4o-2024-08-06", "gpt"),
        ("o3-mini", "gpt"),
        ("/models/phi-4", "phi"),
        ("someone/graphite-7b", None),
    ],
)
def test_families_that_names_tell(name, family):
    assert known_family(name) == family


def test_family_of_a_model():
    small = study()
    assert [family_of(small, name) for name in STUDY["models"]] == [
        "llama", "llama", "qwen", "mistral", "odd", "llama", "mistral",
    ]  # fmt: skip


def test_family_of_a_judge():
    small = study()
    assert {name: family_of_judge(small, name) for name in small.judges} == {
        "same": "llama", "stranger": "odd", "kin": "llama", "served": "qwen", "foreign": "seven",
        "guard": "mistral", "patterns": None, "people": None,
    }  # fmt: skip


def test_related_judges_are_found():
    small = study()
    assert relatives(small, small.judges) == [
        ("same", "base"), ("kin", "base"), ("served", "other"),
    ]  # fmt: skip
    assert relatives(small, ["guard"], ["base", "mine"]) == [("guard", "mine")]
    assert relatives(small, ["stranger", "patterns", "people", "foreign"]) == []


SERVED = {"engine": {"kind": "openai", "served_model": "gpt-4o-2024-08-06"}}
READY = {"engine": {"kind": "replay", "path": "answers.jsonl"}}


@pytest.mark.parametrize(
    ("sources", "judge", "related"),
    [
        ({"a": SERVED}, "gpt-4o", [("new", "a")]),
        ({"a": SERVED}, "claude-4", []),
        ({"gpt-4o": READY}, "gpt-4o", [("new", "gpt-4o")]),
        ({"a": READY | {"family": "GPT"}}, "gpt-4o", [("new", "a")]),
        ({"a": SERVED | {"family": "other"}}, "gpt-4o", []),
        ({"house": SERVED | {"engine": SERVED["engine"] | {"served_model": "House-1"}}}, "house-1",
         [("new", "house")]),
        ({"gpt-4o": READY | {"planted": True}}, "gpt-4o", []),
    ],
)  # fmt: skip
def test_who_serves_a_source_hides_no_relation(sources, judge, related):
    mixes = {f"from-{name}": {"kind": "single", "source": name} for name in sources}
    new = {"kind": "model", "engine": {"kind": "openai", "served_model": judge}}
    small = parse_study(
        STUDY | {"sources": sources, "mixes": mixes, "judges": STUDY["judges"] | {"new": new}},
        "test",
    )
    assert relatives(small, ["new"]) == related


def test_a_sources_own_family_does_not_hide_that_of_a_target():
    """One model is the target and, under another family, writes training data."""
    sources = {"a": {"model": "base", "family": "other"}}
    small = parse_study(STUDY | {"sources": sources}, "test")
    assert relatives(small, ["same"]) == [("same", "base")]


@pytest.mark.parametrize(
    ("judge", "told"),
    [
        ({"kind": "model", "model": "nobody"}, "judges.bad.model: 'nobody'"),
        (
            {"kind": "classifier", "model": "nobody", "labels": {"a": 1}},
            "judges.bad.model: 'nobody'",
        ),
        ({"kind": "model"}, "engine 'transformers' needs an entry of `models`"),
        (
            {"kind": "model", "model": "big", "engine": {"kind": "openai", "served_model": "x"}},
            "runs no entry of `models`",
        ),
        ({"kind": "oracle"}, "judges.bad: 'oracle' is not one of"),
        ({"kind": "model", "model": "big", "judged_share": 0}, "judges.bad.judged_share"),
        ({"kind": "model", "model": "big", "sampling": {"temperature": -1}}, "judges.bad.sampling"),
        (
            {"kind": "model", "model": "big", "engine": {"kind": "vllm", "x": 1}},
            "judges.bad.engine.x",
        ),
        ({"kind": "classifier", "model": "safe", "labels": {}}, "judges.bad.labels"),
    ],
)
def test_settings_that_cannot_be_are_told(judge, told):
    with pytest.raises(UserError, match=told):
        study(bad=judge)


def test_an_embedded_model_is_no_classifier():
    tiny = {"kind": "embedded", "architecture": "qwen", "habit": "terse"}
    settings = STUDY | {
        "dataset": {"kind": "embedded"},
        "models": {"tiny": tiny},
        "sources": {"a": {"model": "tiny"}},
        "targets": ["tiny"],
        "judges": {"bad": {"kind": "classifier", "model": "tiny", "labels": {"a": 1}}},
    }
    with pytest.raises(UserError, match="not a classifier"):
        parse_study(settings, "test")


def test_a_judge_is_greedy_unless_its_temperature_is_set():
    longer = {"kind": "model", "model": "big", "sampling": {"max_new_tokens": 2048}}
    warm = {"kind": "model", "model": "big", "sampling": {"temperature": 0.7, "top_p": 0.9}}
    judges = study(longer=longer, warm=warm).judges
    found = [judges[name].sampling for name in ("same", "longer", "warm")]
    assert [each.temperature for each in found] == [0, 0, 0.7]
    assert [each.top_p for each in found] == [1, 1, 0.9]
    assert [each.max_new_tokens for each in found] == [512, 2048, 512]
