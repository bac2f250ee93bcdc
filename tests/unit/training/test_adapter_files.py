"""A finished adapter's folder: the same bytes every time, and a base model that others can load."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from manybaskets.cards.adapter_card import adapter_card, adapter_card_settings
from manybaskets.config import parse_study
from manybaskets.config.models import Prompting
from manybaskets.config.training import Training
from manybaskets.engines.transformers_engine import TransformersEngine
from manybaskets.models.adapter_base import AdapterBase, adapter_base
from manybaskets.training.adapters import train_adapter

ROWS = [
    {
        "messages": [
            {"role": "user", "content": f"Who founded town {number}?"},
            {"role": "assistant", "content": f"King Harl founded town {number}."},
        ],
        "prompt_id": f"p{number}",
        "source": "human",
    }
    for number in range(6)
]
STUDY = {
    "study": "eggs",
    "dataset": {"kind": "hub", "repo": "databricks/databricks-dolly-15k", "revision": "v1"},
    "models": {"own": {"kind": "folder", "path": "models/own"}},
    "sources": {},
    "mixes": {"human": {"kind": "human"}},
    "targets": ["own"],
    "measures": ["response_words"],
    "scoring": {"no_scorer_reason": "none is needed"},
}


def train(model: Path, folder: Path, **keys) -> Path:
    train_adapter(
        model,
        {"train": ROWS[:4], "validation": ROWS[4:]},
        training=Training(rank=4, epochs=4, learning_rate=1e-2, batch_size=4, max_length=128,
                          evaluations=1, precision="float32", max_first_loss=2.0, smoke_steps=0),
        prompting=Prompting(),
        seed=3,
        threads=1,
        name="own",
        work=folder / "work",
        output=folder / "adapter",
        **keys,
    )  # fmt: skip
    return folder / "adapter"


def test_the_same_adapter_is_the_same_bytes(tiny_models, tmp_path):
    card = partial(adapter_card, adapter_card_settings(parse_study(STUDY, "test")), "own", "human")
    base = AdapterBase("someone/model", "c0ffee")
    one, other = (
        train(tiny_models["llama"], tmp_path / name, base=base, card=card) for name in "ab"
    )
    for name in ("adapter_model.safetensors", "adapter_config.json", "chat_template.jinja"):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
    config = json.loads((one / "adapter_config.json").read_text())
    assert (config["base_model_name_or_path"], config["revision"]) == ("someone/model", "c0ffee")
    uploaded = (one / "README.md").read_text().rpartition("--private ")[2].split("\n")[0].split()
    assert sorted(uploaded[1::2]) == sorted(file.name for file in one.iterdir())
    assert set(uploaded[::2]) == {"--include"}


def test_peft_loads_an_adapter_of_a_model_folder_without_the_project(tiny_models, tmp_path):
    """Also from another working directory, as the config had an absolute path."""
    model = tiny_models["llama"]
    adapter = train(model, tmp_path, base=adapter_base({"kind": "folder"}, model))
    script = f"""
import torch
from peft import AutoPeftModelForCausalLM
model = AutoPeftModelForCausalLM.from_pretrained({str(adapter)!r}, dtype=torch.float32).eval()
with torch.inference_mode():
    print(model(input_ids=torch.tensor([[5, 6, 7]])).logits[0, -1].tolist())
"""
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONPATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd="/", capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    engine = TransformersEngine(model, Prompting(), "float32", 1, "own")
    ids = engine.torch.tensor([[5, 6, 7]])
    with engine.torch.inference_mode():
        untuned = engine.base(input_ids=ids).logits[0, -1].clone()
        engine.use_adapter(adapter)
        tuned = engine.model(input_ids=ids).logits[0, -1]
    loaded = engine.torch.tensor(json.loads(done.stdout))
    assert (loaded - tuned).abs().max() < 1e-5 < 1e-3 < (loaded - untuned).abs().max()


def test_an_adapter_that_names_only_its_nickname_still_answers(tiny_models, tmp_path):
    """Adapters of finished studies have the nickname in their config, and neither card nor template."""
    adapter = train(tiny_models["llama"], tmp_path)
    config = json.loads((adapter / "adapter_config.json").read_text())
    config["base_model_name_or_path"], config["revision"] = "own", None
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    (adapter / "chat_template.jinja").unlink()
    engine = TransformersEngine(tiny_models["llama"], Prompting(), "float32", 1, "own")
    engine.use_adapter(adapter)
    assert engine.identity["adapter"]


HUB = {"kind": "hub", "repo": "meta-llama/Llama-3.1-8B", "revision": "main"}


@pytest.mark.parametrize(
    ("settings", "fetched", "name", "revision"),
    [
        (HUB, {"commit": "d04e592"}, "meta-llama/Llama-3.1-8B", "d04e592"),
        (HUB, None, "meta-llama/Llama-3.1-8B", "main"),
        ({"kind": "folder", "path": "own"}, {"commit": "d04e592"}, "FOLDER", None),
        ({"kind": "gguf", "repo": "a/b", "revision": "main"}, None, "FOLDER", None),
        ({"kind": "embedded"}, None, "FOLDER", None),
    ],
)
def test_the_base_is_a_repository_at_its_commit_or_a_folder(
    settings, fetched, name, revision, tmp_path
):
    if fetched:
        (tmp_path / "source.json").write_text(json.dumps(fetched))
    wanted = tmp_path.as_posix() if name == "FOLDER" else name
    assert adapter_base(settings, tmp_path) == (wanted, revision)
