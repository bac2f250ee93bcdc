"""Which checkpoint becomes the adapter: that of the lowest validation loss, or the last."""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manybaskets.config.models import Prompting
from manybaskets.config.training import Training
from manybaskets.training import checkpoints, fitting, process
from manybaskets.training.adapters import train_adapter
from manybaskets.training.checkpoints import (
    curve_of,
    drop_checkpoints,
    drop_torn_checkpoints,
    kept_evaluation,
    mark_complete,
)
from manybaskets.training.fitting import fit as fit_


def curve(*losses: float, every: int = 10) -> list[dict]:
    """Evaluations before the first step and every `every` steps, each with a training loss before it."""
    points = []
    for index, loss in enumerate(losses):
        points.append({"step": index * every, "kind": "eval", "loss": loss})
        points.append({"step": index * every + every // 2, "kind": "train", "loss": 0.0})
    return points


@pytest.mark.parametrize(
    ("losses", "lowest"),
    [
        ((3.0, 2.0, 1.0, 1.5), 20),
        ((3.0, 2.0, 1.5, 1.0), 30),
        ((3.0, 1.0, 1.0, 1.0), 10),
        # The untuned model was better than every checkpoint; there is none of it.
        ((0.5, 2.0, 1.0, 1.5), 20),
        ((3.0, math.nan, 2.0, 2.5), 20),
        ((3.0, 2.0, math.nan, 2.5), 10),
        ((3.0, math.inf, math.nan), 10),
    ],
)
def test_the_lowest_evaluation_and_of_equals_the_first(losses, lowest):
    assert kept_evaluation(curve(*losses), "lowest")["step"] == lowest
    assert kept_evaluation(curve(*losses), "last")["step"] == 10 * (len(losses) - 1)


@given(st.lists(st.floats(0, 20), min_size=2, max_size=12), st.randoms())
def test_the_order_of_the_log_means_nothing(losses, random):
    """A run that goes on from a checkpoint logs the evaluation there again."""
    points = curve(*losses)
    random.shuffle(points)
    kept = kept_evaluation(points, "lowest")
    assert kept["kind"] == "eval" and kept["loss"] == min(losses[1:])
    assert kept["step"] == 10 * (1 + losses[1:].index(min(losses[1:])))
    assert kept_evaluation(points, "last")["step"] == 10 * (len(losses) - 1)


def test_a_run_that_went_on_has_no_point_twice():
    history = [
        {"step": 0, "eval_loss": 3.0, "epoch": 0},
        {"step": 2, "loss": 2.5, "learning_rate": 0.1, "grad_norm": 4.0},
        {"step": 4, "loss": 2.25, "learning_rate": 0.2, "grad_norm": 3.0},
        {"step": 4, "eval_loss": 2.0},
        {"step": 4, "eval_loss": 2.0},  # evaluated again when it went on
        {"step": 6, "loss": 1.5, "learning_rate": 0.05, "grad_norm": 2.0},
        {"step": 6, "eval_loss": 1.0},
        {"step": 6, "train_loss": 2.0, "train_runtime": 9.0},
    ]
    points = curve_of(history)
    assert [(p["step"], p["kind"], p["loss"]) for p in points] == [
        (0, "eval", 3.0), (2, "train", 2.5), (4, "eval", 2.0), (4, "train", 2.25), (6, "eval", 1.0),
        (6, "train", 1.5),
    ]  # fmt: skip
    assert [p["learning_rate"] for p in points if p["kind"] == "train"] == [0.1, 0.2, 0.05]
    assert [p["grad_norm"] for p in points if p["kind"] == "train"] == [4.0, 3.0, 2.0]


@given(st.lists(st.floats(0, 20), min_size=1, max_size=8), st.sampled_from(["lowest", "last"]))
def test_what_is_dropped_is_never_missed(losses, keep):
    """Saved one after the other: the kept one and the last are there at any time, and no more."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "smoke").mkdir()
        for count in range(1, len(losses) + 1):
            (folder / f"checkpoint-{10 * count}").mkdir()
            points = curve(9.0, *losses[:count])
            drop_checkpoints(folder, points, keep)
            kept = {kept_evaluation(points, keep)["step"], 10 * count}
            assert {path.name for path in folder.iterdir()} == {
                "smoke", *(f"checkpoint-{step}" for step in kept)
            }  # fmt: skip


@pytest.mark.parametrize(("keep", "step", "on_disk"), [("lowest", 2, [2, 5]), ("last", 5, [5])])
def test_the_adapter_is_the_checkpoint_that_the_manifest_names(
    tiny_models, tmp_path, monkeypatch, keep, step, on_disk
):
    """Five steps, so that the last evaluation is not at a multiple of two steps."""
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"Who founded town {number}?"},
                {"role": "assistant", "content": f"King Harl founded town {number}."},
            ],
            "prompt_id": f"p{number}",
            "source": "human",
        }
        for number in range(14)
    ]
    weights = {}
    fit = fit_

    def watched(*arguments, folder, **others):
        history = fit(*arguments, folder=folder, **others)
        for checkpoint in folder.glob("checkpoint-*"):
            file = checkpoint / "adapter_model.safetensors"
            weights[int(checkpoint.name.split("-")[1])] = file.read_bytes()
        return history

    monkeypatch.setattr(process, "fit", watched)
    monkeypatch.setattr(
        fitting, "_validation_loss", lambda trainer, rows: trainer.state.global_step / 10
    )
    train_adapter(
        tiny_models["llama"],
        {"train": rows[:10], "validation": rows[10:]},
        training=Training(
            rank=4, epochs=1, learning_rate=5e-3, batch_size=2, max_length=128, evaluations=3,
            precision="float32", keep_checkpoint=keep, smoke_steps=0,
        ),
        prompting=Prompting(),
        seed=3,
        threads=2,
        name="llama",
        work=tmp_path / "work",
        output=tmp_path / "adapter",
    )  # fmt: skip
    assert sorted(weights) == on_disk and len(set(weights.values())) == len(on_disk)
    manifest = json.loads((tmp_path / "adapter/manifest.json").read_text())
    assert (tmp_path / "adapter/adapter_model.safetensors").read_bytes() == weights[step]
    assert manifest["kept_step"] == step and manifest["training"]["keep"] == keep
    assert manifest["kept_eval_loss"] == step / 10


def test_a_checkpoint_in_whose_removal_a_job_ends_is_not_complete(tmp_path, monkeypatch):
    for step in (1, 2):
        (tmp_path / f"checkpoint-{step}").mkdir()
        mark_complete(tmp_path, step)

    def ended(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoints.shutil, "rmtree", ended)
    with pytest.raises(KeyboardInterrupt):
        drop_checkpoints(tmp_path, [], "last")
    monkeypatch.undo()
    drop_torn_checkpoints(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-2"]
