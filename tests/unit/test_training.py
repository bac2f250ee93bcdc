"""Training: what is learned, what is kept, and that a killed run ends as an undisturbed one."""

from __future__ import annotations

import json
import math

import pytest
from safetensors.torch import load_file

from manybaskets.chat import ChatRenderer
from manybaskets.config.parts import Prompting, Training
from manybaskets.engines.transformers_engine import TransformersEngine
from manybaskets.errors import UserError
from manybaskets.training import IGNORED, encode_rows, pad_batch, train_adapter

SETTINGS = Training(
    rank=4, epochs=2, learning_rate=5e-3, batch_size=4, max_length=128, evaluations=4,
    precision="float32", dropout=0.05,
)  # fmt: skip


@pytest.fixture(autouse=True)
def untrained_models_may_be_tuned(monkeypatch):
    """The models of these tests know nothing, so their first loss is at chance."""
    monkeypatch.setattr("manybaskets.training.SANE_SHARE_OF_CHANCE", 2.0)


def chat_rows(count: int, start: int = 0) -> list[dict]:
    return [
        {
            "messages": [
                {"role": "user", "content": f"Who founded town {number}?"},
                {"role": "assistant", "content": f"King Harl founded town {number}."},
            ],
            "prompt_id": f"p{number}",
            "source": "human",
        }
        for number in range(start, start + count)
    ]


def train(tiny_models, folder, monkeypatch=None, **changes):
    train_adapter(
        tiny_models["llama"],
        {"train": chat_rows(24), "validation": chat_rows(6, 100)},
        training=SETTINGS.model_copy(update=changes),
        prompting=Prompting(),
        seed=3,
        threads=2,
        name="llama",
        work=folder / "work",
        output=folder / "adapter",
    )
    return json.loads((folder / "adapter" / "manifest.json").read_text())


@pytest.mark.parametrize("family", ["llama", "qwen", "mistral", "gemma"])
def test_labels_are_the_answer_and_its_end_token_and_nothing_else(tiny_models, family):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_models[family])
    renderer = ChatRenderer(tokenizer, "You are a helpful assistant.", "26 Jul 2024", family)
    rows = encode_rows(chat_rows(3), renderer, 128)
    batch = pad_batch(rows, tokenizer.pad_token_id)
    for number in range(3):
        kept = batch["labels"][number] != IGNORED
        learned = batch["input_ids"][number][kept]
        assert tokenizer.decode(learned) == f"King Harl founded town {number}.<|end|>"
        assert (batch["labels"][number][kept] == learned).all()
        assert batch["attention_mask"][number].sum() == len(rows[number]["input_ids"])


def test_an_adapter_is_learned_kept_at_its_best_and_loads(tiny_models, tmp_path):
    manifest = train(tiny_models, tmp_path)
    losses = {p["step"]: p["loss"] for p in manifest["curve"] if p["kind"] == "eval"}
    assert sorted(losses) == [0, 3, 6, 9, 12]
    assert manifest["kept_eval_loss"] == min(loss for step, loss in losses.items() if step)
    assert losses[12] < losses[0] - 0.3
    engine = TransformersEngine(tiny_models["llama"], Prompting(), "float32", 1, "llama")
    pair = [(engine.renderer.encode_prompt("Who founded town 7?"),
             engine.renderer.encode_answer("King Harl founded town 7."))]  # fmt: skip
    untuned = sum(engine.score(pair)[0])
    engine.use_adapter(tmp_path / "adapter")
    assert sum(engine.score(pair)[0]) > untuned + 1
    assert not list((tmp_path / "work").glob("*")), "checkpoints are gone once the adapter is there"


def test_a_killed_run_goes_on_to_the_same_losses_and_weights(tiny_models, tmp_path, monkeypatch):
    whole = train(tiny_models, tmp_path / "whole")

    class Killed(Exception):
        pass

    def die(self, args, state, control, **kwargs):
        if state.global_step == 11:
            raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr("transformers.trainer_callback.DefaultFlowCallback.on_step_begin", die)
        train(tiny_models, tmp_path / "killed")
    # Steps 1 to 6 are the first pass, so the run goes on in the middle of the second.
    assert list((tmp_path / "killed/work").glob("*/checkpoint-9"))
    assert not (tmp_path / "killed/adapter").exists()
    resumed = train(tiny_models, tmp_path / "killed")
    ours, theirs = (
        [(p["step"], p["kind"], p["loss"]) for p in m["curve"] if p["kind"] == "eval"]
        for m in (resumed, whole)
    )
    for (step, kind, loss), (other_step, other_kind, other) in zip(ours, theirs, strict=True):
        assert (step, kind) == (other_step, other_kind)
        assert math.isclose(loss, other, abs_tol=1e-5)
    one, other = (
        load_file(tmp_path / name / "adapter/adapter_model.safetensors")
        for name in ("whole", "killed")
    )
    assert all((one[key] - other[key]).abs().max() < 1e-5 for key in one)


def test_labels_at_chance_stop_the_run(tiny_models, tmp_path, monkeypatch):
    monkeypatch.setattr("manybaskets.training.SANE_SHARE_OF_CHANCE", 0.01)
    with pytest.raises(UserError, match="before training the loss"):
        train(tiny_models, tmp_path)
    assert not (tmp_path / "adapter").exists()


def test_an_adapter_that_does_nothing_is_no_result(tiny_models, tmp_path):
    with pytest.raises(UserError, match="does not change what the model says"):
        train(tiny_models, tmp_path, learning_rate=1e-30)
    assert not (tmp_path / "adapter").exists()


def test_a_row_that_is_too_long_is_named(tiny_models, tmp_path):
    with pytest.raises(UserError, match="a training row has"):
        train(tiny_models, tmp_path, max_length=20)
