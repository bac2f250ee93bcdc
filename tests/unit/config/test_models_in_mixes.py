"""How many models a mix draws from, and which mixes are compared as those of several."""

from __future__ import annotations

import pytest
import yaml
from repository import ROOT

from manybaskets.config.loading import parse_study
from manybaskets.config.participants import chosen_mixes, mixes_several, models_in
from manybaskets.experiments.robustness.comparisons import contrasts_of

FIELDS = {"instruction": "q", "context": None, "response": "a"}
REPLAY = {"kind": "replay", "path": "answers.jsonl", "fields": FIELDS}
SERVER = {"kind": "openai", "base_url": "http://localhost/v1", "key_variable": None}


def study(name: str = "config", **changes):
    settings = yaml.safe_load((ROOT / f"config/{name}.yaml").read_text())
    return parse_study(settings | changes, name)


def with_mix(*names: str):
    """The embedded study with a mix of these sources."""
    settings = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    settings["sources"] |= {
        "warm-llama": {"model": "llama", "sampling": {"temperature": 1.3}},
        "near": {"engine": SERVER | {"served_model": "big"}},
        "far": {"engine": SERVER | {"served_model": "big", "base_url": "http://elsewhere/v1"}},
        "other": {"engine": SERVER | {"served_model": "small"}},
        "file": {"engine": REPLAY},
        "another-file": {"engine": REPLAY},
        "made-up": {"engine": REPLAY, "planted": True},
    }
    settings["mixes"]["both"] = {"kind": "weighted", "weights": dict.fromkeys(names, 1)}
    return parse_study(settings | {"preference": None}, "config")


@pytest.mark.parametrize(
    ("sources", "models"),
    [
        (("llama", "qwen"), ["llama", "qwen"]),
        (("llama", "warm-llama"), ["llama"]),
        (("llama", "human"), ["llama"]),
        (("llama", "made-up"), ["llama"]),
        (("human", "made-up"), []),
        (("near", "far"), ["big"]),
        (("near", "other"), ["big", "small"]),
        (("file", "another-file"), ["file", "another-file"]),
        (("llama", "qwen", "human", "made-up"), ["llama", "qwen"]),
    ],
)
def test_models_count_by_who_answers(sources, models):
    made = with_mix(*sources)
    assert models_in(made, "both") == models
    assert mixes_several(made, "both") == (len(models) > 1)


def test_planted_refusals_are_not_compared_as_a_second_model():
    laptop = study("laptop")
    contrasts = contrasts_of(laptop, chosen_mixes(laptop))
    assert {pair for pair in contrasts if pair[1] != "vanilla"} == {
        ("multi", "single-falcon"),
        ("multi", "single-gemma"),
    }
    assert ("refusing", "vanilla") in contrasts


def test_a_source_that_is_not_planted_leaves_its_section_as_it_was():
    """So that no job of a finished study has other parameters."""
    sources = study().sources
    assert not any("planted" in source.model_dump() for source in sources.values())
    planted = study("laptop").sources["refuser"]
    assert "planted" not in planted.science() and planted.operations()["planted"]
