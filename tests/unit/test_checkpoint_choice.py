"""Which checkpoint becomes the adapter: that of the lowest validation loss, or the last."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manybaskets import training
from manybaskets.config.parts import Prompting, Training


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
    assert training.kept_evaluation(curve(*losses), "lowest")["step"] == lowest
    assert training.kept_evaluation(curve(*losses), "last")["step"] == 10 * (len(losses) - 1)


@given(st.lists(st.floats(0, 20), min_size=2, max_size=12), st.randoms())
def test_the_order_of_the_log_means_nothing(losses, random):
    """A run that goes on from a checkpoint logs the evaluation there again."""
    points = curve(*losses)
    random.shuffle(points)
    kept = training.kept_evaluation(points, "lowest")
    assert kept["kind"] == "eval" and kept["loss"] == min(losses[1:])
    assert kept["step"] == 10 * (1 + losses[1:].index(min(losses[1:])))
    assert training.kept_evaluation(points, "last")["step"] == 10 * (len(losses) - 1)


@pytest.mark.parametrize(("keep", "step"), [("lowest", 2), ("last", 5)])
def test_the_adapter_is_the_checkpoint_that_the_manifest_names(
    tiny_models, tmp_path, monkeypatch, keep, step
):
    """Five steps, so that the last evaluation is none of the equal intervals of two steps."""
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
    fit = training.fit

    def fit_that_gets_worse(*arguments, work, key, **others):
        history = fit(*arguments, work=work, key=key, **others)
        for checkpoint in (work / key).glob("checkpoint-*"):
            file = checkpoint / "adapter_model.safetensors"
            weights[int(checkpoint.name.split("-")[1])] = file.read_bytes()
        return [
            entry | {"eval_loss": entry["step"] / 10} if "eval_loss" in entry else entry
            for entry in history
        ]

    monkeypatch.setattr(training, "fit", fit_that_gets_worse)
    monkeypatch.setattr(training, "SANE_SHARE_OF_CHANCE", 2.0)
    training.train_adapter(
        tiny_models["llama"],
        {"train": rows[:10], "validation": rows[10:]},
        training=Training(
            rank=4, epochs=1, learning_rate=5e-3, batch_size=2, max_length=128, evaluations=3,
            precision="float32", keep=keep,
        ),
        prompting=Prompting(),
        seed=3,
        threads=2,
        name="llama",
        work=tmp_path / "work",
        output=tmp_path / "adapter",
    )  # fmt: skip
    assert sorted(weights) == [2, 4, 5] and len(set(weights.values())) == 3
    manifest = json.loads((tmp_path / "adapter/manifest.json").read_text())
    assert (tmp_path / "adapter/adapter_model.safetensors").read_bytes() == weights[step]
    assert manifest["kept_step"] == step and manifest["training"]["keep"] == keep
    assert manifest["kept_eval_loss"] == step / 10
