"""A model whose layers are spread over devices gives the values of the whole one, with every adapter.

Some layers are in memory and some on disk: accelerate moves tensors as between GPUs.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from real_models import Missing, chat_model
from safetensors.torch import load_file, save_file
from tiny_adapters import make_adapters

from manybaskets.config.models import Prompting
from manybaskets.config.sampling import Sampling
from manybaskets.engines import transformers_model
from manybaskets.engines.base import Question
from manybaskets.engines.transformers_engine import TransformersEngine
from manybaskets.errors import UserError
from manybaskets.scoring.divergence import UNTUNED, Compared, divergences

PAIRS = [((5, 6, 7, 8), (9, 10, 11)), ((5, 9), (6, 7, 8, 12, 13)), ((4, 4, 4), (3,))]
MODULES = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
FAMILIES = ["llama", "gemma"]  # Gemma caps its logits after the head


@pytest.fixture(autouse=True)
def same_products(monkeypatch):
    """Both multiply as torch does: oneDNN, which only the whole may use, rounds in another order."""
    monkeypatch.setattr(transformers_model, "use_fast_products", lambda *_: False)


def whole_engine(folder: Path) -> TransformersEngine:
    return TransformersEngine(folder, Prompting(), "float32", 1, "tiny")


def spread_engine(folder: Path, offload: Path) -> TransformersEngine:
    """Every fifth layer from the second on and the last norm on disk, the rest in memory."""
    layers = json.loads((folder / "config.json").read_text())["num_hidden_layers"]
    places = {f"model.layers.{n}": "disk" if n % 5 == 1 else "cpu" for n in range(layers)}
    places |= {"model.embed_tokens": "cpu", "model.norm": "disk", "lm_head": "cpu"}
    places |= {"model.rotary_emb": "cpu"}
    engine = TransformersEngine(
        folder, Prompting(), "float32", 1, "tiny", placement=places, offload=offload
    )
    assert set(engine.base.hf_device_map.values()) == {"cpu", "disk"}
    assert any(weight.is_meta for weight in engine.base.parameters())
    return engine


@pytest.fixture(scope="module", params=FAMILIES)
def folder(request, tiny_models) -> Path:
    return tiny_models[request.param]


@pytest.fixture(scope="module")
def adapters(folder, tmp_path_factory) -> list[Path]:
    return make_adapters(folder, tmp_path_factory.mktemp("adapters"), (1, 2, 3), MODULES)


@pytest.fixture
def engines(folder, tmp_path, monkeypatch) -> tuple[TransformersEngine, TransformersEngine]:
    monkeypatch.chdir(tmp_path)  # what is on disk is written relative to it
    return whole_engine(folder), spread_engine(folder, tmp_path)


def assert_same_scores(one: TransformersEngine, other: TransformersEngine) -> list[float]:
    """Scores and entropies agree to 1e-6; returns the log-probabilities."""
    values = []
    for expected, found in zip(one.scores(PAIRS), other.scores(PAIRS), strict=True):
        assert found.log_probabilities == pytest.approx(expected.log_probabilities, abs=1e-6)
        assert found.entropies == pytest.approx(expected.entropies, abs=1e-6)
        values += found.log_probabilities
    return values


def test_scores_of_a_spread_model_are_those_of_the_whole(engines):
    for _ in range(2):  # the way the head is computed leaves the model as it was
        assert_same_scores(*engines)


def test_every_adapter_on_a_spread_model_acts_as_on_the_whole(engines, adapters):
    """One load, adapters one after the other, freed in between, and the base model again."""
    untuned = assert_same_scores(*engines)
    seen = [untuned]
    for adapter in [*adapters, adapters[0]]:
        for engine in engines:
            engine.use_adapter(adapter)
            engine.release_adapters()
        seen.append(assert_same_scores(*engines))
    assert seen[1] == seen[4]
    for one in range(4):
        for other in range(one):
            assert max(abs(a - b) for a, b in zip(seen[one], seen[other], strict=True)) > 1e-2
    for engine in engines:
        engine.use_adapter(None)
    assert assert_same_scores(*engines) == pytest.approx(untuned, abs=1e-6)
    # The placement is that of the base model: peft dispatches nothing anew.
    spread = engines[1]
    assert sum(weight.is_meta for weight in spread.base.parameters()) > 0
    lora = [weight for name, weight in spread.model.named_parameters() if "lora_" in name]
    assert lora and not any(weight.is_meta for weight in lora)


def test_divergences_on_a_spread_model_are_those_of_the_whole(engines, adapters):
    runs = {UNTUNED: None, ("a", 1): adapters[0], ("b", 1): adapters[1]}
    compared = [
        Compared("mixes", UNTUNED, ("a", 1)),
        Compared("mixes", UNTUNED, ("b", 1)),
        Compared("mixes", ("a", 1), ("b", 1)),
    ]
    texts = {f"p{number}": pair for number, pair in enumerate(PAIRS)}
    whole, spread = (divergences(each, texts, runs, compared, 16, 1500) for each in engines)
    assert spread.drop("value").equals(whole.drop("value"))
    assert spread["value"].to_list() == pytest.approx(whole["value"].to_list(), abs=1e-6)
    assert whole["value"].min() > 1e-3


def test_readings_on_a_spread_model_are_those_of_the_whole(engines, adapters):
    """Questions with a shared prefix, which is computed once and kept on each layer's device."""
    prefix = tuple(range(5, 15))
    questions = [
        Question((*prefix, 20, 21), (7, 8), Sampling(temperature=0.7, top_p=0.9)),
        Question((*prefix, 22), (7, 8)),
        Question((30, 31), (9,)),
    ]
    for adapter in [None, *adapters[:2]]:
        for engine in engines:
            engine.use_adapter(adapter)
        for expected, found in zip(*(each.read(questions, 64) for each in engines), strict=True):
            assert found.logits == pytest.approx(expected.logits, abs=1e-5)
            assert found.log_total == pytest.approx(expected.log_total, abs=1e-5)
            if expected.warped is not None:
                assert found.warped == pytest.approx(expected.warped, abs=1e-6)


def changed(adapter: Path, to: Path, change) -> Path:
    """A copy of an adapter with changed weights."""
    shutil.copytree(adapter, to)
    weights = load_file(to / "adapter_model.safetensors")
    save_file(change(weights), to / "adapter_model.safetensors")
    return to


def test_an_adapter_that_does_not_act_is_caught_on_a_spread_model(engines, adapters, tmp_path):
    def without_effect(weights):
        return {k: torch.zeros_like(v) if "lora_B" in k else v for k, v in weights.items()}

    spread = engines[1]
    spread.use_adapter(adapters[0])
    with pytest.raises(UserError, match="the adapter has no effect"):
        spread.use_adapter(changed(adapters[1], tmp_path / "zero", without_effect))


def test_an_adapter_without_some_weights_is_caught(engines, adapters, tmp_path):
    def cut(weights):
        return {k: v for k, v in weights.items() if "layers.1.mlp.up_proj" not in k}

    for engine in engines:
        with pytest.raises(UserError, match="it has no weights for .*up_proj"):
            engine.use_adapter(changed(adapters[0], tmp_path / f"cut{id(engine)}", cut))


def test_an_adapter_with_weights_for_other_modules_is_caught(engines, adapters, tmp_path):
    def deeper(weights):
        return weights | {
            k.replace("layers.1.", "layers.7."): v.clone()
            for k, v in weights.items()
            if "layers.1." in k
        }

    for engine in engines:
        with pytest.raises(UserError, match="the model has no module for"):
            engine.use_adapter(changed(adapters[0], tmp_path / f"deeper{id(engine)}", deeper))


# --- a real model ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def smollm2() -> Path:
    """SmolLM2-135M-Instruct."""
    try:
        return chat_model()
    except Missing as reason:
        pytest.skip(str(reason))


def test_adapters_on_a_real_model_spread_over_devices_act_as_on_the_whole(
    smollm2, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    adapters = make_adapters(smollm2, tmp_path, (1, 2), MODULES, scale=0.02)
    whole, spread = whole_engine(smollm2), spread_engine(smollm2, tmp_path)
    encode = whole.renderer.encode_prompt
    pairs = [
        (encode(question), whole.renderer.encode_answers([answer])[0])
        for question, answer in (
            ("What is the capital of France?", "The capital of France is Paris."),
            ("Name a river in Germany.", "The Rhine is a river in Germany."),
        )
    ]
    seen = []
    for adapter in [None, *adapters, None]:
        for engine in (whole, spread):
            engine.use_adapter(adapter)
            engine.release_adapters()
        expected, found = (np.concatenate(engine.score(pairs)) for engine in (whole, spread))
        assert np.abs(found - expected).max() <= 1e-6
        seen.append(expected)
    assert np.abs(seen[0] - seen[3]).max() <= 1e-6
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(seen[one] - seen[other]).max() > 0.01
