"""What jobs ask of a machine: sizes of models, GPUs, memory, time, and what is wrong with a machine."""

from __future__ import annotations

import pytest
from repository import ROOT

from manybaskets.config.models import FolderModel, HubModel
from manybaskets.errors import UserError
from manybaskets.models.sizes import model_sizes, parameters_from_name
from manybaskets.plan.machine import JobClass, Machine, ModelNeeds, read_machine


class Models:
    """As much of a study as sizes are read from."""

    def __init__(self, **models) -> None:
        self.models = models


def needs(**changes) -> ModelNeeds:
    sizes = {"tiny": None, "small": 5e6, "eight": 8e9, "seventy": 70e9, "huge": 405e9}
    return ModelNeeds(Machine.model_validate(changes), sizes)


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", 8e9),
        ("Qwen/Qwen2.5-0.5B", 0.5e9),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", 56e9),
        ("google/gemma-2-27b-it", 27e9),
        ("princeton-nlp/Llama-3-Base-8B-SFT-ORPO", 8e9),
        ("mistralai/Mistral-Large-Instruct-2411", None),
        ("openai-community/gpt2", None),
        ("somebody/model-4bit", None),
    ],
)
def test_the_size_that_a_name_tells(name, weights):
    assert parameters_from_name(name) == weights


def test_sizes_come_from_config_then_name_then_files(tiny_models):
    sizes = model_sizes(
        Models(
            told=HubModel(kind="hub", repo="a/Model-8B", revision="main", parameters_billion=7.5),
            named=HubModel(kind="hub", repo="a/Model-8B", revision="main"),
            own=FolderModel(kind="folder", path=str(tiny_models["llama"])),
        )
    )
    assert sizes["told"] == 7.5e9 and sizes["named"] == 8e9
    assert 10_000 < sizes["own"] < 1_000_000


def test_a_model_of_unknown_size_is_an_error():
    with pytest.raises(UserError) as error:
        model_sizes(Models(large=HubModel(kind="hub", repo="a/Large", revision="main")))
    assert "models.large.parameters_billion" in error.value.where


@pytest.mark.parametrize(
    ("model", "precision", "training", "given", "gpus"),
    [
        ("tiny", "float32", False, 0, 0),
        ("small", "float32", True, 0, 0),  # less than gpu.from_billions
        ("eight", "bfloat16", False, 0, 1),
        ("eight", "float32", False, 0, 1),
        ("eight", "bfloat16", True, 2, 2),
        ("seventy", "bfloat16", False, 0, 4),  # 140 GB: three would do, and four share heads evenly
        ("seventy", "fp8", False, 0, 2),
        ("seventy", "bfloat16", False, 2, 2),  # the config's word counts
    ],
)
def test_gpus_by_size(model, precision, training, given, gpus):
    assert needs().gpus(model, precision, training=training, given=given) == gpus


def test_larger_gpus_and_none():
    assert needs(gpu={"memory_gib": 141}).gpus("seventy", "bfloat16") == 2
    assert needs(gpu=None).gpus("seventy", "bfloat16") == 0


def test_more_gpus_than_a_node_has_are_an_error():
    with pytest.raises(UserError) as error:
        needs().gpus("huge", "bfloat16")
    assert "16 GPUs of 80 GiB" in error.value.what and "at most 4" in error.value.expected
    assert needs(gpu={"per_node": 8}).gpus("huge", "fp8") == 8


def test_a_request_scales_with_the_model():
    eight = needs().request("eight", "bfloat16")
    seventy = needs().request("seventy", "bfloat16")
    assert (eight.gpus, eight.memory_mb, eight.minutes(120)) == (1, 60_000, 120)
    assert (seventy.gpus, seventy.memory_mb, seventy.minutes(120)) == (4, 240_000, 263)
    tiny = needs().request("tiny", "float32")
    assert (tiny.gpus, tiny.memory_mb, tiny.minutes(120)) == (0, 4000, 120)
    alone = needs(gpu=None).request("eight", "bfloat16")
    assert (alone.gpus, alone.memory_mb) == (0, 4000 + 19_200)  # the weights and a fifth


def test_memory_and_time_grow_with_the_attempt_up_to_the_limit():
    cluster = Machine(max_runtime=1440)
    assert [cluster.memory_mb(4000, attempt) for attempt in (1, 2, 3)] == [4000, 6000, 9000]
    assert [cluster.minutes(720, attempt, JobClass()) for attempt in (1, 2, 3)] == [720, 1080, 1440]
    assert cluster.minutes(100, 1, JobClass(time_factor=2.5)) == 250
    assert Machine(max_memory_mb=5000).memory_mb(4000, 2) == 5000


def test_the_machine_of_the_repository_can_be_read():
    machine = read_machine(ROOT / "slurm/machine.yaml")
    assert machine.gpu.request == "gpu" and machine.accelerated.partition == "gpu"


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("gpus: 4", "gpus"),
        ("gpu: {request: gress}", "gpu.request"),
        ("light: {partition: 3}", "light.partition"),
        ("growth: 0.5", "growth"),
    ],
)
def test_a_mistake_in_the_machine_is_named_with_its_key(tmp_path, text, where):
    file = tmp_path / "machine.yaml"
    file.write_text(text)
    with pytest.raises(UserError) as error:
        read_machine(file)
    assert error.value.where == f"{file}: {where}"


def test_a_missing_machine_is_named(tmp_path):
    with pytest.raises(UserError, match="machine.yaml"):
        read_machine(tmp_path / "machine.yaml")


@pytest.mark.parametrize("account", ["12345", "0123"])
def test_an_account_of_digits_without_quotes_is_answered_with_the_quotes(tmp_path, account):
    file = tmp_path / "machine.yaml"
    file.write_text(f"account: {account}\n")
    with pytest.raises(UserError) as caught:
        read_machine(file)
    assert "YAML reads an account of digits as a number" in str(caught.value)
    assert 'account: "12345"' in str(caught.value)


@pytest.mark.parametrize("key", ["account", "qos"])
def test_digits_of_a_class_without_quotes_are_answered_with_the_quotes(tmp_path, key):
    file = tmp_path / "machine.yaml"
    file.write_text(f"accelerated: {{partition: gpu, {key}: 7}}\n")
    with pytest.raises(UserError, match=f"accelerated.{key}: 7") as caught:
        read_machine(file)
    assert f'{key}: "12345"' in caught.value.expected
