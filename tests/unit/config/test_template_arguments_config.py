"""`models.<name>.template_arguments`: accepted, refused, and absent where unset."""

from __future__ import annotations

import copy
import re

import pytest
import yaml
from repository import ROOT

from manybaskets.chat.template_arguments import RESERVED
from manybaskets.config.engines import OpenAISettings
from manybaskets.config.loading import parse_study
from manybaskets.config.models import FolderModel, HubModel
from manybaskets.config.operations import operations_of_jobs
from manybaskets.errors import UserError
from manybaskets.models.locations import check_given_models

SHIPPED = yaml.safe_load((ROOT / "config/config.yaml").read_text())
HUB = {"kind": "hub", "repo": "Qwen/Qwen3-8B", "revision": "abc"}
OFF = {"enable_thinking": False}


def study_with(**models):
    settings = copy.deepcopy(SHIPPED)
    settings["models"] |= models
    return parse_study(settings, "config.yaml")


@pytest.mark.parametrize(
    "model",
    [
        HUB,
        {"kind": "folder", "path": "models/qwen3"},
        {"kind": "gguf", "path": "models/qwen3.gguf"},
    ],
    ids=lambda model: model["kind"],
)
def test_every_external_kind_takes_arguments_with_their_types(model):
    values = {"enable_thinking": False, "reasoning_effort": "low", "budget": 5, "share": 0.5}
    study = study_with(q=model | {"template_arguments": values}, plain=model)
    told = study.prompting_of("q").model_dump()
    assert told.pop("template_arguments") == values
    kinds = [type(each) for each in study.prompting_of("q").template_values().values()]
    assert kinds == [bool, str, int, float]
    # The same keys in the same order, because Snakemake compares them as text.
    assert repr(told) == repr(study.prompting.model_dump())
    assert repr(study.prompting_of("plain").model_dump()) == repr(study.prompting.model_dump())
    assert repr(study.prompting_of(None).model_dump()) == repr(study.prompting.model_dump())


def test_arguments_are_no_part_of_the_folder_and_absent_where_unset():
    """A model is not fetched again for them; a job finds them among the operational settings."""
    plain, off = HubModel(**HUB), HubModel(**HUB, template_arguments=OFF)
    assert plain.science() == off.science()
    assert "template_arguments" not in {
        **plain.model_dump(),
        **plain.science(),
        **plain.operations(),
    }
    study = study_with(q=HUB | {"template_arguments": OFF})
    told = operations_of_jobs(study)["models"]["q"]
    assert HubModel.assembled(off.science(), told) == off


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_arguments_that_the_workflow_passes_are_refused_when_the_config_is_read(name):
    with pytest.raises(UserError, match=f"models.q.*template_arguments.*remove {name}"):
        study_with(q=HUB | {"template_arguments": {name: "x"}})


@pytest.mark.parametrize(
    "values", [{"a b": 1}, {"a": [1]}, {"a": None}, {"a": float("inf")}, ["enable_thinking"]]
)
def test_other_values_are_refused(values):
    with pytest.raises(UserError, match="template_arguments"):
        study_with(q=HUB | {"template_arguments": values})


def test_embedded_models_take_none():
    with pytest.raises(UserError, match="template_arguments: unknown key"):
        study_with(llama=SHIPPED["models"]["llama"] | {"template_arguments": OFF})


def test_a_folder_whose_template_never_reads_an_argument_stops_before_any_job(tiny_models):
    folder = str(tiny_models["qwen"])
    study = study_with(q=FolderModel(kind="folder", path=folder).model_dump())
    check_given_models(study)
    study = study_with(q={"kind": "folder", "path": folder, "template_arguments": OFF})
    with pytest.raises(UserError, match="'q' does not read enable_thinking"):
        check_given_models(study)


def test_a_served_model_has_its_own_arguments():
    plain = OpenAISettings(kind="openai", served_model="m")
    off = OpenAISettings(kind="openai", served_model="m", template_arguments=OFF)
    assert "template_arguments" not in {**plain.model_dump(), **plain.science()}
    assert off.science()["template_arguments"] == OFF
    with pytest.raises(ValueError, match="remove date_string.*prompting.date"):
        OpenAISettings(kind="openai", served_model="m", template_arguments={"date_string": "x"})


def test_every_rule_that_renders_takes_the_prompting_of_its_model():
    """Only embedded models, which have no arguments, are made with the section itself."""
    for file in sorted((ROOT / "workflow/rules").glob("*.smk")):
        text = file.read_text()
        plain = re.findall(r"STUDY\.prompting\.model_dump|\(STUDY\.prompting\)", text)
        assert len(plain) == (file.name == "models.smk"), file.name
