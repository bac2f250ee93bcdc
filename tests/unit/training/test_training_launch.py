"""Several processes train one adapter: what they learn, what is left when they end, and how they end.

Two processes on CPU cores, which talk by gloo; the same code runs on GPUs.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from repository import LIBRARY, SUPPORT
from safetensors.torch import load_file

from manybaskets.config.models import Prompting
from manybaskets.config.training import Launch, Training
from manybaskets.errors import PassingError, UserError
from manybaskets.training import launching, process
from manybaskets.training.adapters import train_adapter
from manybaskets.training.task import Task

# Rows that fill neither the last batch nor the last step of a pass.
TRAIN_ROWS, VALIDATION_ROWS = 25, 5
RECIPE = {
    "rank": 4, "epochs": 2, "learning_rate": 5e-3, "batch_size": 4, "max_length": 128,
    "evaluations": 4, "precision": "float32", "dropout": 0.0, "max_first_loss": 2.0,
    "smoke_steps": 0,
}  # fmt: skip
TOLERANCE = 1e-5
KINGS = ("Harl", "Bo of the long western hills", "Una", "Wenna the second of her name")


def chat_rows(count: int, start: int = 0) -> list[dict]:
    return [
        {
            "messages": [
                {"role": "user", "content": f"Who founded town {number}?"},
                {"role": "assistant", "content": f"{KINGS[number % 4]} founded town {number}."},
            ],
            "prompt_id": f"p{number}",
            "source": "human",
        }
        for number in range(start, start + count)
    ]


def train(model, folder: Path, **changes) -> dict:
    train_adapter(
        Path(model),
        {"train": chat_rows(TRAIN_ROWS), "validation": chat_rows(VALIDATION_ROWS, 100)},
        training=Training(**{**RECIPE, **changes}),
        prompting=Prompting(),
        seed=3,
        threads=2,
        name="llama",
        work=folder / "work",
        output=folder / "adapter",
    )
    return json.loads((folder / "adapter/manifest.json").read_text())


def points(manifest) -> list[tuple]:
    return [(point["step"], point["kind"]) for point in manifest["curve"]]


def losses(manifest) -> list[float]:
    return [point["loss"] for point in manifest["curve"]]


def weights(folder: Path) -> dict:
    return load_file(folder / "adapter/adapter_model.safetensors")


def check_same(one, other, folder: Path, other_folder: Path, tolerance: float) -> None:
    assert points(one) == points(other)
    assert losses(one) == pytest.approx(losses(other), abs=tolerance)
    ours, theirs = weights(folder), weights(other_folder)
    assert {key: w.shape for key, w in ours.items()} == {key: w.shape for key, w in theirs.items()}
    assert all((ours[key] - theirs[key]).abs().max() < 20 * tolerance for key in ours)


@pytest.fixture(scope="module")
def alone(tiny_models, tmp_path_factory):
    """One process that adds up the gradients of two batches."""
    folder = tmp_path_factory.mktemp("alone")
    return folder, train(tiny_models["llama"], folder, accumulation=2)


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_two_processes_learn_what_one_learns_with_twice_the_batches(
    tiny_models, tmp_path, alone, strategy, capsys
):
    """With the trial before it; losses within 1e-5, weights within 2e-4 (order of float32 sums)."""
    whole, manifest_alone = alone
    how = {"llama": Launch(strategy=strategy)}
    manifest = train(tiny_models["llama"], tmp_path, processes=2, launch=how, smoke_steps=1)
    check_same(manifest, manifest_alone, tmp_path, whole, TOLERANCE)
    told = manifest["launch"]
    assert (told["strategy"], told["processes"]) == (strategy, 2)
    assert manifest["rows_per_step"] == 8 == manifest_alone["rows_per_step"]
    assert "the trial of 1 steps" in capsys.readouterr().out, "the processes' words are in the log"
    left = {path.name for path in (tmp_path / "work").glob("*/*")}
    assert left == {"adapter", "adapter-digests.json"}


def test_a_sharded_bfloat16_model_loses_no_digits_of_its_losses(tiny_models, tmp_path):
    """As a 70B is trained: layers named, activations computed again. Sums in bfloat16 differ a little."""
    import torch

    how = Launch(strategy="fsdp", wrapped_layers=["LlamaDecoderLayer"], gradient_checkpointing=True)
    alone, sharded = (
        train(tiny_models["llama"], tmp_path / name, precision="bfloat16", **changes)
        for name, changes in (
            ("alone", {"accumulation": 2}),
            ("sharded", {"processes": 2, "launch": {"llama": how}}),
        )
    )
    assert points(alone) == points(sharded)
    assert losses(sharded) == pytest.approx(losses(alone), abs=0.02)
    rounded = [float(torch.tensor(loss).bfloat16()) for loss in losses(sharded)]
    assert sum(a != b for a, b in zip(rounded, losses(sharded), strict=True)) > len(rounded) / 2
    ours, theirs = weights(tmp_path / "alone"), weights(tmp_path / "sharded")
    assert {key: (w.shape, w.dtype) for key, w in ours.items()} == {
        key: (w.shape, w.dtype) for key, w in theirs.items()
    }


# 64 steps with one evaluation at the end: between them, checkpoints by time alone.
LONG = {"epochs": 16, "evaluations": 1, "learning_rate": 1e-3}


@pytest.fixture(scope="module")
def alone_for_long(tiny_models, tmp_path_factory):
    """The same for more passes, so that there is time to end it; nothing disturbs it."""
    folder = tmp_path_factory.mktemp("alone_for_long")
    return folder, train(tiny_models["llama"], folder, accumulation=2, **LONG)


JOB = """
import json, sys
from pathlib import Path
from manybaskets.jobs.job import job
sys.path[:0] = {tests!r}
with job({log!r}):
    from test_training_launch import train
    train({model!r}, Path({folder!r}), **json.loads({changes!r}))
"""


def start_job(model: Path, folder: Path, changes: dict) -> subprocess.Popen:
    """The training as a job of its own, as the rule's script runs it."""
    script = JOB.format(tests=[str(Path(__file__).parent), str(SUPPORT)], log=str(folder / "train.log"),
                        model=str(model), folder=str(folder), changes=json.dumps(changes))  # fmt: skip
    environment = os.environ | {"PYTHONPATH": f"{LIBRARY}{os.pathsep}{SUPPORT}"}
    return subprocess.Popen([sys.executable, "-c", script], env=environment, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip


def processes_of(folder: Path) -> list[int]:
    """Processes whose command names a folder."""
    found = subprocess.run(["pgrep", "-f", str(folder / "work")], capture_output=True, text=True)
    return [int(number) for number in found.stdout.split()]


def steps_saved(folder: Path) -> list[int]:
    """Steps of the complete checkpoints."""
    complete = folder.glob("work/*/checkpoint-*/complete.json")
    return [int(path.parent.name.split("-")[1]) for path in complete]


@pytest.mark.parametrize(
    ("strategy", "end"), [("ddp", signal.SIGTERM), ("fsdp", signal.SIGKILL)], ids=str
)
def test_an_ended_training_leaves_no_process_and_goes_on_to_the_same_losses(
    tiny_models, tmp_path, alone_for_long, strategy, end
):
    whole, undisturbed = alone_for_long
    settings = LONG | {"processes": 2, "launch": {"llama": {"strategy": strategy}}}
    settings["checkpoint_minutes"] = 1e-9
    job = start_job(tiny_models["llama"], tmp_path, settings)
    deadline = time.monotonic() + 240
    while max(steps_saved(tmp_path), default=0) < 13:
        assert job.poll() is None, job.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert len(processes_of(tmp_path)) >= 3, "the launcher and two processes"
    job.send_signal(end)
    printed = job.communicate(timeout=60)[0]
    assert job.returncode != 0
    assert ("terminated (SIGTERM)" in printed) == (end == signal.SIGTERM)
    gone = time.monotonic() + 20
    while processes_of(tmp_path) and time.monotonic() < gone:
        time.sleep(0.1)
    assert processes_of(tmp_path) == []
    assert not (tmp_path / "adapter").exists()
    assert len(list(tmp_path.glob("work/*/checkpoint-*"))) <= 3
    # Of the base nothing is stored, and nothing in shards.
    kept = next(tmp_path.glob("work/*/checkpoint-*/complete.json")).parent
    adapter = (kept / "adapter_model.safetensors").stat().st_size
    base = (tiny_models["llama"] / "model.safetensors").stat().st_size
    stored = sum(file.stat().st_size for file in kept.iterdir())
    assert all(file.is_file() for file in kept.iterdir())
    assert stored < 4 * adapter + 120_000 < 4 * adapter + base
    # One in whose writing it was ended is not gone on from.
    torn = kept.with_name("checkpoint-63")
    torn.mkdir()
    (torn / "optimizer.pt").write_bytes(b"half")

    manifest = train(tiny_models["llama"], tmp_path, **settings)
    assert 13 <= manifest["launch"]["went_on_from_step"] < 63
    check_same(manifest, undisturbed, tmp_path, whole, TOLERANCE)


def test_what_a_process_stops_with_is_what_the_job_stops_with(tiny_models, tmp_path):
    with pytest.raises(UserError, match="the loss on answers before training is") as told:
        train(tiny_models["llama"], tmp_path, processes=2, max_first_loss=0.01)
    assert not isinstance(told.value, PassingError)
    assert "training.max_first_loss" in told.value.expected
    assert not (tmp_path / "adapter").exists() and processes_of(tmp_path) == []


def task_of(tmp_path: Path, **changes) -> Task:
    training = Training(**{**RECIPE, **changes}).of_target("llama")
    return Task(model="m", name="llama", recipe=training.model_dump(), seed=1, threads=2,
                        pad=0, vocabulary=10, trackers=str(tmp_path / "t"), run="r")  # fmt: skip


def test_an_error_that_nobody_foresaw_is_told_too(tmp_path, monkeypatch):
    (tmp_path / "error-1.json").write_text(json.dumps({"unexpected": "KeyError: 'x'"}))
    assert "KeyError: 'x'" in str(launching._failure(tmp_path, 1))
    told = {"what": "w", "where": "h", "expected": "e", "remedy": "r", "passing": True}
    (tmp_path / "error-2.json").write_text(json.dumps(told))
    error = launching._failure(tmp_path, 1)
    assert isinstance(error, PassingError) and error.what == "w"


def test_processes_that_say_nothing_may_be_tried_again(tmp_path):
    error = launching._failure(tmp_path, -9)
    assert isinstance(error, PassingError) and "exit code -9" in str(error)


def test_the_launch_is_of_this_job_alone(tmp_path, monkeypatch):
    """Neither a user's own accelerate settings nor another launch reach ours."""
    for name in ("ACCELERATE_USE_DEEPSPEED", "FSDP_VERSION", "RANK", "MASTER_PORT"):
        monkeypatch.setenv(name, "7")
    seen = {}
    monkeypatch.setattr(
        launching, "_relay", lambda command, environment: seen.update(c=command, e=environment) or 3
    )
    with pytest.raises(PassingError):
        launching.launch(task_of(tmp_path, processes=2), tmp_path)
    assert not {"ACCELERATE_USE_DEEPSPEED", "FSDP_VERSION", "RANK", "MASTER_PORT"} & set(seen["e"])
    config = Path(seen["c"][seen["c"].index("--config_file") + 1])
    assert config.parent == tmp_path
    assert yaml.safe_load(config.read_text())["main_process_port"] == 0


def test_the_launch_of_a_70b(tmp_path):
    how = {"llama": Launch(strategy="fsdp", wrapped_layers=["LlamaDecoderLayer"])}
    task = task_of(tmp_path, processes=4, precision="bfloat16", launch=how)
    config = launching.accelerate_config(task, cpu=False)
    assert config["distributed_type"] == "FSDP" and config["num_processes"] == 4
    assert config["mixed_precision"] == "bf16" and not config["use_cpu"]
    assert config["fsdp_config"] == {
        "fsdp_version": 2,
        "fsdp_auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
        "fsdp_transformer_layer_cls_to_wrap": "LlamaDecoderLayer",
        "fsdp_reshard_after_forward": True,
        "fsdp_offload_params": False,
        "fsdp_state_dict_type": "FULL_STATE_DICT",
        "fsdp_cpu_ram_efficient_loading": True,
    }
    assert "expandable_segments" in launching._environment()["PYTORCH_ALLOC_CONF"]


def test_more_processes_than_gpus_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    with pytest.raises(
        UserError, match="needs 2 processes with a GPU each, but the job sees 1 GPUs"
    ):
        launching.launch(task_of(tmp_path, processes=2), tmp_path)


def test_trackers_write_beside_the_logs_and_wandb_offline(tmp_path, monkeypatch):
    monkeypatch.delenv("WANDB_MODE", raising=False)
    seen = {}
    monkeypatch.setattr(process, "run", lambda folder: seen.update(os.environ))
    launching.launch(task_of(tmp_path, processes=1, report_to=["wandb"]), tmp_path)
    assert seen["WANDB_MODE"] == "offline" and seen["WANDB_DIR"] == str(tmp_path / "t")
    assert "WANDB_MODE" not in os.environ
