"""A model whose layers are spread over devices gives the values of the whole one."""

from __future__ import annotations

import pytest

from manybaskets.config.models import Prompting
from manybaskets.engines.transformers_engine import TransformersEngine, _spread

PAIRS = [((5, 6, 7, 8), (9, 10, 11)), ((5, 9), (6, 7, 8, 12, 13)), ((4, 4, 4), (3,))]


def test_scores_of_a_spread_model_are_those_of_the_whole(tiny_models, tmp_path, monkeypatch):
    """One layer in memory, the others on disk: accelerate moves tensors as between GPUs."""
    monkeypatch.chdir(tmp_path)  # what is on disk is written relative to it
    folder = tiny_models["llama"]
    whole = TransformersEngine(folder, Prompting(), "float32", 1, "llama")
    layers = whole.base.config.num_hidden_layers
    places = {f"model.layers.{n}": "cpu" if n == 0 else "disk" for n in range(layers)}
    places |= {"model.embed_tokens": "cpu", "model.norm": "disk", "lm_head": "cpu"}
    places |= {"model.rotary_emb": "cpu"}
    spread = TransformersEngine(
        folder,
        Prompting(),
        "float32",
        1,
        "llama",
        placement=places,
        offload=tmp_path,
    )
    assert set(spread.base.hf_device_map.values()) == {"cpu", "disk"}
    for _ in range(2):  # the way the head is computed leaves the model as it was
        for one, other in zip(whole.scores(PAIRS), spread.scores(PAIRS), strict=True):
            assert other.log_probabilities == pytest.approx(one.log_probabilities, abs=1e-6)
            assert other.entropies == pytest.approx(one.entropies, abs=1e-6)


def test_only_the_jobs_own_gpus_are_used(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda index: (10 + index, 99))
    assert _spread(4, None, None) == {
        "device_map": "auto",
        "max_memory": {0: 10, 1: 11, 2: 12, 3: 13},
    }
    assert _spread(1, None, None) == _spread(0, None, None) == {}
