"""The section `preference`: every mistake is told with its key; what changes no result reruns nothing."""

from __future__ import annotations

import copy

import pytest
import yaml
from repository import ROOT

from manybaskets.config import parse_study
from manybaskets.config.articles import Summaries
from manybaskets.config.participants import judged_mixes, self_of, writer
from manybaskets.config.preference_judging import PreferenceJudging
from manybaskets.errors import UserError
from manybaskets.experiments import EXPERIMENTS

SHIPPED = yaml.safe_load((ROOT / "config/config.yaml").read_text())


def study(**changes):
    settings = copy.deepcopy(SHIPPED)
    for path, value in changes.items():
        place = settings
        *steps, last = path.split("__")
        for step in steps:
            place = place[step]
        place[last] = value
    return parse_study(settings, "config.yaml")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("authors", ["human", "llama", "falcon"], "preference.authors: 'falcon' is not among"),
        ("authors", ["human", "llama", "llama", "outsider"], "preference.authors: remove the "
        "duplicate 'llama'"),
        ("authors", ["human", "qwen", "outsider"], "add 'llama', the base model and self of the judge 'llama'"),
        ("held_out", [], "see no author of a family outside of the training data"),
        ("held_out", ["qwen"], "'qwen' is of the family 'qwen' of source 'qwen'"),
        ("held_out", ["human"], "remove 'human', which is the reference"),
        ("mixes", ["multy"], "preference.mixes: 'multy' is not among mixes"),
        ("gold_judges", ["outsider"], "'outsider' is of the family 'outsider' of 'outsider'"),
        ("gold_judges", ["none"], "preference.gold_judges: 'none' is not among models"),
        ("panels", {"qwen": ["human"]}, "preference.panels: 'qwen' is not among targets"),
        ("panels", {"llama": ["human", "x"]}, "preference.panels.llama: 'x' is not among"),
        ("count", 1, "preference.count"),
        ("articles", {"kind": "web"}, "preference.articles: 'web' is not one of"),
        ("articles", {"kind": "hub", "repo": "a/b"}, "preference.articles.revision: this key is missing"),
        ("judging", {"markers": [["A", "A"]]}, "use two different markers"),
        ("judging", {"markers": [["A", "B"], ["A", "B"]]}, "remove the duplicate marker set"),
        ("judging", {"scale": [5, 1]}, "use two digits in ascending order"),
        ("judging", {"scale": [1, 10]}, "use two digits in ascending order"),
        ("judging", {"prompts": {"pairwise": "{first} {second} {one} {two}"}}, "add the missing slots {article}"),
        ("judging", {"prompts": {"absolute": "{article} {first} 1 to 5"}}, "add the missing slots {high}, {low}"),
        ("judging", {"published_form": {"absolute": "{article} {first}"}}, "{article} is not a slot"),
        ("judging", {"published_form": {"sampling": {"temperature": 0}}}, "0 leaves one token"),
        ("judging", {"discrimination": {"authors": ["falcon"]}}, "preference.judging.discrimination.authors: 'falcon' is not among"),
        ("judging", {"engine": "vllm"}, "use engine 'transformers'"),
        ("judging", {"engines": {"llama": "vllm"}}, "the judge 'llama' has engine 'vllm'"),
        ("judging", {"engines": {"qwen": "vllm"}}, "'qwen' is not among targets or"),
        ("summaries", {"instruction": "In {length} words."}, "{length} is not a slot"),
    ],
)  # fmt: skip
def test_mistakes_are_told_with_their_key(path, value, message):
    with pytest.raises(UserError) as error:
        study(**{f"preference__{path}": value})
    assert message in str(error.value)


def test_a_missing_held_out_family_can_be_explained():
    how = study(
        preference__held_out=[], preference__no_held_out_reason="there is none on this disk"
    )
    assert how.preference.no_held_out_reason.startswith("there is none")


def test_a_family_that_trained_a_mix_is_held_out_under_no_name():
    models = copy.deepcopy(SHIPPED["models"])
    models["outsider"]["family"] = "Gemma"
    models["gemma"]["family"] = "gemma"
    models["scorer"] = copy.deepcopy(models["outsider"]) | {"family": "none of these"}
    with pytest.raises(UserError, match="of the family 'gemma' of source 'gemma'"):
        study(models=models, scoring={"scorer": "scorer"})


def test_vllm_may_judge_where_the_published_form_is_not_asked():
    how = study(
        preference__judging={"engines": {"llama": "vllm"}, "published_form": {"judges": []}}
    ).preference
    assert how.judging.engine_of("llama").kind == "vllm"
    assert how.published("llama", how.authors) == []
    assert study().preference.published("llama", ["human", "llama", "outsider"]) == [
        "human",
        "llama",
    ]


def test_the_untuned_target_always_judges_and_its_base_is_self():
    shipped = study()
    assert judged_mixes(shipped) == ["human", "single-llama", "multi"]
    everything = study(preference__mixes=None)
    assert judged_mixes(everything) == [m for m in SHIPPED["mixes"]]
    assert self_of(shipped, "llama") == "llama"


def test_an_author_that_is_a_source_brings_its_engine_and_not_its_sampling():
    sources = copy.deepcopy(SHIPPED["sources"])
    sources["qwen"] = {
        "engine": {"kind": "openai", "served_model": "qwen-x"},
        "sampling": {"temperature": 1.5},
    }
    config = study(sources=sources)
    author = writer(config, "qwen")
    assert author.engine.kind == "openai"
    assert author.sampling == config.preference.summaries.sampling
    assert writer(config, "outsider").model == "outsider"


def test_both_halves_of_a_section_make_it_again():
    config = study()
    halves = EXPERIMENTS.get("preference").operations(config)
    how = config.preference
    assert PreferenceJudging.assembled(how.judging.science(), halves["judging"]) == how.judging
    assert Summaries.assembled(how.summaries.science(), halves["summaries"]) == how.summaries
    assert set(halves["writers"]) == set(how.authors) - {"human"}
    assert "batch_tokens" not in how.judging.science()
