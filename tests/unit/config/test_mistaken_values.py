"""Values that a type would accept and nobody means end before any work, with the key's name."""

from __future__ import annotations

import copy

import pytest
import yaml
from repository import ROOT

from manybaskets.config.loading import load_study, parse_study
from manybaskets.errors import UserError

SHIPPED = yaml.safe_load((ROOT / "config/config.yaml").read_text())


def message_of(path: str, value) -> str:
    settings = copy.deepcopy(SHIPPED)
    *sections, key = path.split(".")
    section = settings
    for each in sections:
        section = section.setdefault(each, {})
    section[key] = value
    with pytest.raises(UserError) as caught:
        parse_study(settings, "config.yaml")
    return str(caught.value)


LISTS = {
    "targets": ["llama", "qwen", "llama"],
    "measures": ["human_nll", "response_words", "human_nll"],
    "training.seeds": [1, 2, 1],
    "training.modules": ["q_proj", "q_proj"],
    "source_count_seeds": [3, 3],
    "preference.authors": ["llama", "llama"],
    "prompt_sets.refused.measures": ["response_words", "response_words"],
}


@pytest.mark.parametrize("path", LISTS)
def test_a_value_twice_in_a_list(path):
    assert f"{path}: remove the duplicate " in message_of(path, LISTS[path])


def test_a_mix_may_have_a_source_for_several_parts():
    settings = copy.deepcopy(SHIPPED)
    settings["mixes"]["twice"] = {"kind": "multi", "sources": ["llama", "qwen"] * 2}
    assert parse_study(settings, "config.yaml").mix_sources("twice") == ["llama", "qwen"] * 2


SEEDS = ("seed", "training.seeds", "source_count_seeds")


@pytest.mark.parametrize("seed", [-1, 2**32, 2**64, True, 1.5])
@pytest.mark.parametrize("path", SEEDS)
def test_a_seed_that_no_library_takes(path, seed):
    told = message_of(path, seed if path == "seed" else [1, seed])
    assert f"{path}" in told and "1 error" in told


@pytest.mark.parametrize("path", ["training.learning_rate", "training.epochs", "split.test_share"])
@pytest.mark.parametrize("value", [float("inf"), float("nan"), ".inf", True, False])
def test_an_infinity_or_a_boolean_as_a_number(path, value):
    assert f"{path}: " in message_of(path, value)


@pytest.mark.parametrize("path", ["study", "mixes.NAME", "models.NAME", "sources.NAME"])
@pytest.mark.parametrize("name", ["a" * 300, "a" * 65, "Llama", "a/b", "a b", "é", ""])
def test_a_name_that_makes_no_file_name(path, name):
    value = {"mixes": {"kind": "human"}, "models": SHIPPED["models"]["llama"]}
    value["sources"] = SHIPPED["sources"]["llama"]
    where = path.split(".")[0]
    told = message_of(path.replace("NAME", name or "''"), value.get(where, name))
    assert where in told


KEYS = ["sk-proj-AbCdEf0123456789", "hf_AbCdEfGhIjKlMnOpQrStUvWxYz0123", "AKIA" + "Z9" * 30]


@pytest.mark.parametrize("key", KEYS)
def test_a_key_in_place_of_a_variable_is_not_shown(key):
    source = {"engine": {"kind": "openai", "served_model": "far", "key_variable": key}}
    told = message_of("sources.far", source)
    assert (
        "sources.far.engine.key_variable: this is not the name of an environment variable" in told
    )
    assert key not in told and key[:12] not in told


@pytest.mark.parametrize("key", KEYS)
def test_another_mistake_in_the_section_does_not_show_the_key(key):
    engine = {"key_variable": key, "kind": "openai", "served_model": "far", "timeout": "soon"}
    assert key[:12] not in message_of("sources.far", {"engine": engine})
    engine = {"api_key": key, "kind": "openai", "served_model": "far"}
    assert key[:12] not in message_of("sources.far", {"engine": engine})


def test_a_key_twice_in_a_file_names_both_lines(tmp_path):
    text = "study: twice\ntraining:\n  rank: 8\n  epochs: 1\n  rank: 16\n"
    (tmp_path / "own.yaml").write_text(text)
    with pytest.raises(UserError) as caught:
        load_study(tmp_path / "own.yaml")
    assert "the key `rank` is already in line 3" in str(caught.value)
    assert caught.value.where.endswith("own.yaml, line 5, column 3")


def test_merged_sections_may_replace_keys(tmp_path):
    from manybaskets.config.loading import read_yaml

    text = "base: &base {rank: 8, epochs: 1}\nown:\n  <<: *base\n  rank: 16\n"
    (tmp_path / "own.yaml").write_text(text)
    assert read_yaml(tmp_path / "own.yaml")["own"] == {"rank": 16, "epochs": 1}
