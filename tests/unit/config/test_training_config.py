"""The section `training`: rows of a step, how a training is launched, and what is no recipe."""

from __future__ import annotations

import copy

import pytest
import yaml
from pydantic import ValidationError
from repository import ROOT

from manybaskets.config.study import Study
from manybaskets.config.training import Batch, Launch, Training
from manybaskets.plan.machine import Gpu, Machine, ModelNeeds

SMALL = ROOT / "tests/cluster/small.yaml"


def recipe(**changes) -> Training:
    return Training(batch_size=4, accumulation=8, **changes)


@pytest.mark.parametrize(
    ("changes", "gpus", "rows"),
    [
        ({}, 0, 32),
        ({}, 4, 128),
        ({"processes": 2}, 0, 64),
        ({"processes": 2}, 4, 64),
        ({"processes": 2, "per_target": {"large": Batch(batch_size=1)}}, 0, 16),
        ({"per_target": {"large": Batch(batch_size=1, accumulation=32, processes=4)}}, 0, 128),
        ({"per_target": {"other": Batch(batch_size=1)}}, 2, 64),
    ],
)
def test_rows_of_a_step(changes, gpus, rows):
    training = recipe(**changes)
    assert training.rows_per_step("large", gpus) == rows
    own = training.of_target("large", gpus)
    assert own.batch_size * own.accumulation * own.processes == rows
    assert own.per_target == {} and own.of_target("large") == own


def test_a_recipe_is_what_determines_results():
    """How a training is launched, tried and followed is none of it; the rows of a step are."""
    plain = recipe().of_target("large").science()
    same = recipe(launch={"large": Launch(gradient_checkpointing=True)}, smoke_steps=0,
                  max_first_loss=0.5, report_to=["wandb"])  # fmt: skip
    assert same.of_target("large").science() == plain
    for other in (recipe(processes=2), recipe(tf32=True), recipe(rank=8)):
        assert other.of_target("large").science() != plain


def test_the_two_halves_of_the_recipe_make_it_whole_again():
    training = recipe(processes=2, launch={"large": Launch(strategy="fsdp")}, smoke_steps=3)
    own = training.of_target("large")
    halves = own.science(), training.operations()
    again = Training.assembled(*halves).of_target("large")
    assert again == own


def test_a_model_that_one_gpu_does_not_hold_is_sharded():
    needs = ModelNeeds(
        Machine(gpu=Gpu(memory_gib=80.0)), {"small": 8e9, "large": 70e9, "tiny": None}
    )
    held = {name: needs.holds(name, "bfloat16") for name in ("small", "large", "tiny")}
    assert held == {"small": True, "large": False, "tiny": True}
    assert ModelNeeds(Machine(gpu=None), {"large": 70e9}).holds("large", "bfloat16")
    training = recipe(launch={"large": Launch(gradient_checkpointing=True)}).sharded(["large"])
    assert training.launch["large"] == Launch(strategy="fsdp", gradient_checkpointing=True)
    own = recipe(launch={"large": Launch(strategy="ddp")}, processes=4)
    assert own.sharded(["large"]).launch["large"].strategy == "ddp", "the config has the last word"
    assert recipe(processes=1).sharded(["large"]).launch == {}


@pytest.mark.parametrize(
    ("training", "words"),
    [
        ({"per_target": {"lama": {"processes": 2}}}, "training.per_target: 'lama' is not among models"),
        ({"launch": {"lama": {}}}, "training.launch: 'lama' is not among models"),
        ({"launch": {"llama": {"strategy": "zero3"}}}, "'ddp' or 'fsdp'"),
        ({"processes": 1, "launch": {"llama": {"strategy": "ddp"}}}, "'ddp' needs several processes"),
        ({"launch": {"llama": {"strategy": "ddp", "wrapped_layers": ["Layer"]}}}, "apply only to strategy fsdp"),
        ({"launch": {"llama": {"strategy": "ddp", "cpu_offload": True}}}, "apply only to strategy fsdp"),
        ({"processes": 0}, "greater than or equal to 1"),
        ({"per_target": {"llama": {"accumulation": 0}}}, "greater than or equal to 1"),
        ({"smoke_steps": -1}, "greater than or equal to 0"),
        ({"report_to": ["neptune"]}, "'tensorboard'"),
        ({"gpus": {"llama": 2}}, "Extra inputs are not permitted"),
    ],
)  # fmt: skip
def test_what_is_no_recipe_is_an_error(training, words):
    study = yaml.safe_load(SMALL.read_text(encoding="utf-8"))
    Study(**copy.deepcopy(study))
    study["training"] |= training
    with pytest.raises(ValidationError) as told:
        Study(**study)
    assert words in str(told.value)
