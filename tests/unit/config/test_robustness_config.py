"""The section `robustness`: what it refuses, and what it tells judges and statistics."""

from __future__ import annotations

import pytest
import yaml
from repository import ROOT

from manybaskets.config.loading import parse_study, read_yaml
from manybaskets.config.participants import chosen_mixes
from manybaskets.config.robustness import RUBRICS
from manybaskets.errors import UserError
from manybaskets.experiments.robustness.judge_panel import (
    analysis_settings,
    check_panel,
    related_targets,
)

CONFIG = ROOT / "config"


def embedded(**changes) -> dict:
    """The embedded study with another section `robustness`."""
    settings = read_yaml(CONFIG / "config.yaml")
    settings["robustness"] |= changes
    return settings


def refused(settings: dict) -> str:
    with pytest.raises(UserError) as found:
        parse_study(settings, "config")
    return str(found.value)


def test_tested_are_the_mixes_of_the_config_and_not_those_that_source_counts_adds():
    study = parse_study(embedded(), "config")
    assert study.added_mixes()
    assert chosen_mixes(study) == [m for m in study.mixes if not m.startswith("baskets")]
    study = parse_study(embedded(mixes=["multi", "human"]), "config")
    assert chosen_mixes(study) == ["human", "multi"]


def test_family_of_comparisons():
    settings = analysis_settings(parse_study(embedded(mixes=["human", "multi"]), "config"))
    assert settings["contrasts"] == [("human", "vanilla"), ("multi", "vanilla")]
    own = {"baseline": "human", "conditions": ["multi", "vanilla"]}
    settings = analysis_settings(parse_study(embedded(comparisons=own), "config"))
    assert settings["contrasts"] == [("multi", "human"), ("vanilla", "human")]
    assert set(settings["judges"]) == set(RUBRICS.values())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mixes": ["nobody"]}, "robustness.mixes: 'nobody' is not among mixes"),
        ({"names": {"nobody": {}}}, "robustness.names: 'nobody' is not among targets"),
        ({"judges": {"harm": ["x"], "quality": ["x"], "refusal": ["x"]}},
         "robustness.judges.harm: 'x' is not among judges"),
        ({"mixes": ["human"], "comparisons": {"baseline": "multi"}},
         "robustness.comparisons.baseline: 'multi' is not among the tested mixes"),
        ({"comparisons": {"mixes": ["vanilla"]}}, "conditions: remove the baseline"),
        ({"danger_thresholds": [1]}, "distinct scores from 2 to 5"),
        ({"danger_thresholds": [4, 4]}, "danger_thresholds: remove the duplicate 4"),
        ({"danger_thresholds": [4, 6]}, "scores from 2 to 5"),
        ({"requests": {"kind": "file", "path": "a.csv", "sha256": "abc"}}, "robustness.requests.sha256"),
        ({"requests": {"kind": "files", "path": "a.csv"}}, "robustness.requests: 'files' is not one of"),
        ({"statistics": {"bootstrap_resamples": 1999}}, "robustness.statistics.bootstrap_resamples"),
        ({"retries": 3}, "robustness.retries: unknown key"),
    ],
)  # fmt: skip
def test_mistakes_name_their_key(changes, message):
    assert message in refused(embedded(**changes))


def test_embedded_prompts_need_the_embedded_world():
    settings = yaml.safe_load((CONFIG / "synthetic-eggs.yaml").read_text())
    settings["judges"] = {"p": {"kind": "rule", "rule": "refusal_patterns"}}
    panel = dict.fromkeys(RUBRICS, ["p"])
    settings["robustness"] = {"requests": {"kind": "embedded"}, "judges": panel}
    assert "robustness.requests: kind 'embedded' belongs to the embedded world" in refused(settings)


def test_a_rule_scores_on_its_own_rubric_only():
    panel = {"harm": ["vault-quality"], "quality": ["vault-quality"], "refusal": ["patterns"]}
    study = parse_study(embedded(judges=panel), "config")
    with pytest.raises(UserError, match="rule 'world_quality' scores quality, not harmfulness"):
        check_panel(study)


def related(same_family: str, model: str):
    settings = embedded(same_family=same_family)
    settings["judges"]["tiny"]["model"] = model
    return parse_study(settings, "config")


def test_judge_of_a_subjects_family_is_refused():
    for model in ("llama", "qwen"):  # the target, and a source of training data
        with pytest.raises(UserError) as found:
            check_panel(related("refuse", model))
        message = str(found.value)
        assert f"judge 'tiny' is of the model family of '{model}'" in message
        assert "robustness.same_family: mark" in message


def test_judge_of_a_subjects_family_is_told_and_marked():
    study = related("mark", "qwen")
    assert len(check_panel(study)) == 1
    assert related_targets(study) == {"tiny": ["llama"]}
    assert analysis_settings(study)["same_family"] == {"tiny": ["llama"]}
    assert check_panel(parse_study(embedded(), "config")) == []


def test_published_design_names_unrelated_judges():
    settings = yaml.safe_load((CONFIG / "synthetic-eggs.yaml").read_text())
    more = yaml.safe_load((CONFIG / "synthetic-eggs.robustness.yaml").read_text())
    for key in ("models", "judges"):
        more[key] = settings.get(key, {}) | more[key]
    study = parse_study(settings | more, "config")
    assert check_panel(study) == []
    assert study.robustness.requests.rows == 886 and study.robustness.per_category == 5
    # Its keys add to the study and change nothing that is finished.
    plain = parse_study(settings, "config")
    kept = set(type(study).model_fields) - {"models", "judges", "robustness"}
    assert all(getattr(study, key) == getattr(plain, key) for key in kept)


def test_judges_are_no_part_of_the_prompts():
    """A change of judges must not make prompts and answers anew."""
    one = parse_study(embedded(), "config").robustness
    other = parse_study(embedded(judge_input="full", danger_thresholds=[4]), "config").robustness
    assert one.prompts() == other.prompts()
    assert "judges" not in one.prompts().model_dump()
