"""Who is who in a study's self-preference, and which figures it has, from its config alone."""

from __future__ import annotations

import pytest
import yaml
from repository import ROOT

from manybaskets.config import parse_study
from manybaskets.experiments.preference.roles import POINTS, PROBABILITY, Roles, settings_of
from manybaskets.report.figures import planned_figures

AUTHORS = ["human", "llama", "qwen", "mistral", "gemma", "outsider"]


def study(**preference):
    given = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    section = {"articles": {"kind": "embedded"}, "authors": AUTHORS, "held_out": ["outsider"]}
    given["preference"] = section | preference
    return parse_study(given, "a test")


def test_roles_follow_the_config():
    roles = Roles.of(study(margin=0.03))
    assert roles.selves == {"llama": "llama"}
    assert roles.models == AUTHORS[1:]
    assert roles.mixes[0] == "vanilla"
    assert roles.mixes[1:] == ["human", "single-llama", "single-qwen", "single-mistral",
                               "single-gemma", "multi"]  # fmt: skip
    assert roles.taught["human"] == []
    assert roles.taught["single-qwen"] == ["qwen"]
    assert roles.taught["multi"] == ["llama", "qwen", "mistral", "gemma"]
    assert roles.others("llama") == ["qwen", "mistral", "gemma", "outsider"]
    assert roles.others("llama", "paper") == ["qwen", "mistral", "gemma"]
    assert roles.margins == {PROBABILITY: 0.03, POINTS: pytest.approx(0.12)}


def test_every_mix_is_compared_with_the_untuned_target_and_with_other_kinds():
    pairs = Roles.of(study(mixes=["human", "single-llama", "single-qwen", "multi"])).pairs
    assert pairs == [
        ("human", "vanilla"), ("single-llama", "vanilla"), ("single-qwen", "vanilla"),
        ("multi", "vanilla"), ("human", "single-llama"), ("human", "single-qwen"),
        ("human", "multi"), ("single-llama", "multi"), ("single-qwen", "multi"),
    ]  # fmt: skip


def test_a_target_may_have_a_panel_of_its_own():
    roles = Roles.of(study(panels={"llama": ["human", "llama", "qwen", "outsider"]}))
    assert roles.others("llama") == ["qwen", "outsider"]


def test_draws_and_flips_are_those_of_the_section():
    settings = settings_of(study(statistics={"bootstrap_resamples": 2000, "sign_flips": 3000}))
    assert (settings.bootstrap_resamples, settings.sign_flips) == (2000, 3000)
    assert settings.confidence == study().statistics.confidence


def test_figures_are_planned_from_the_config():
    def named(**preference) -> dict:
        found = planned_figures(study(**preference))
        return {name: each for name, each in found.items() if each.section == "preference"}

    def ways(found, name: str) -> list:
        pages = [each for each in found.values() if each.kind == f"preference-{name}"]
        return [way for page in pages for way in page.options["ways"]]

    whole = named()
    assert list(dict.fromkeys(each.kind for each in whole.values())) == [
        "preference-matrix", "preference-authors", "preference-bias", "preference-position",
        "preference-discrimination",
    ]  # fmt: skip
    every = [[variant, protocol] for variant in ("corrected", "paper")
             for protocol in ("pairwise", "absolute")]  # fmt: skip
    assert ways(whole, "matrix") == ways(whole, "authors") == ways(whole, "bias") == every
    scores = named(judging={"protocols": ["absolute"], "published_form": None})
    assert list(scores) == ["preference-matrix", "preference-authors", "preference-bias"]
    assert ways(scores, "bias") == [["corrected", "absolute"]]
