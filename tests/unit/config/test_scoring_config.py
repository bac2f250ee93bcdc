"""Config of likelihoods: a scorer that is no source, or a reason, beside the untuned target."""

from __future__ import annotations

import copy

import pytest
import yaml
from repository import ROOT

from manybaskets.config import parse_study
from manybaskets.errors import UserError
from manybaskets.measures.selection import check_measures

SHIPPED = yaml.safe_load((ROOT / "config/config.yaml").read_text())
FIFTH = {"kind": "embedded", "architecture": "qwen", "habit": "helper", "habit_share": 0.0}


def study_of(measures, scoring):
    settings = copy.deepcopy(SHIPPED) | {
        "measures": measures,
        "comparisons": {},
        "scoring": scoring,
    }
    settings["models"] |= {"fifth": FIFTH, "kin": FIFTH | {"family": "Llama"}}
    return parse_study(settings, "config.yaml")


@pytest.mark.parametrize(
    ("measures", "scoring", "message"),
    [
        (["own_nll"], {}, "scoring.scorer: null, but `measures` contains own_nll"),
        (["own_bits_per_byte"], {}, "state in scoring.no_scorer_reason why there is none"),
        (
            ["own_nll_first"],
            {"scorer": "fifth"},
            "add own_scorer_nll, the counterpart of own_nll_first",
        ),
        (["own_nll", "own_scorer_nll"], {"scorer": "llama"}, "'llama' made the training data of"),
        (
            ["own_nll", "own_scorer_nll"],
            {"scorer": "kin"},
            "'kin' is of the family 'llama' of 'llama'",
        ),
        (["own_nll", "own_scorer_nll"], {"scorer": "sixth"}, "'sixth' is not among models"),
    ],
)
def test_the_likelihood_under_the_target_does_not_stand_alone(measures, scoring, message):
    with pytest.raises(UserError) as caught:
        study_of(measures, scoring)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("measures", "scoring"),
    [
        (["own_nll", "own_scorer_nll"], {"scorer": "fifth"}),
        (["own_nll"], {"no_scorer_reason": "all families made data"}),
        (["human_nll", "own_self_nll"], {}),
    ],
)
def test_what_may_be_measured(measures, scoring):
    study = study_of(measures, scoring)
    check_measures(study)
    assert study.measures == measures


def test_a_measure_of_the_scorer_needs_one():
    study = study_of(["own_scorer_nll"], {"no_scorer_reason": "none at hand"})
    with pytest.raises(UserError, match="needs a model that scores the answers"):
        check_measures(study)


def test_distributions_are_compared_along_human_answers():
    settings = {key: SHIPPED[key] for key in ("study", "targets", "training", "measures")}
    settings |= {
        "dataset": {
            "kind": "file",
            "path": "x.jsonl",
            "fields": {"instruction": "q", "response": None},
        },
        "models": {"m": {"kind": "folder", "path": "m"}, "n": {"kind": "folder", "path": "n"}},
        "sources": {"n": {"model": "n"}},
        "mixes": {"single": {"kind": "single", "source": "n"}},
        "targets": ["m"],
        "measures": ["response_words"],
        "divergence": {"prompts": 5},
    }
    with pytest.raises(UserError, match=r"divergence\.prompts: distributions are compared on"):
        parse_study(settings, "config.yaml")
