"""Layers of a large model on several GPUs, computed without weights and without GPUs."""

from __future__ import annotations

import pytest
import torch

from manybaskets.engines import placement
from manybaskets.engines.placement import layers_on_gpus, loading_arguments
from manybaskets.errors import UserError

GIB = 2**30
LAYERS = 80


@pytest.fixture(scope="module")
def llama_70b():
    """Llama 3.1 70B in bfloat16 without weights; numbers of its public config.json."""
    from transformers import AutoModelForCausalLM, LlamaConfig

    config = LlamaConfig(
        hidden_size=8192,
        intermediate_size=28672,
        num_hidden_layers=LAYERS,
        num_attention_heads=64,
        num_key_value_heads=8,
        vocab_size=128256,
        max_position_embeddings=131072,
    )
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)


def weights_by_gpu(model, placed) -> dict[int, int]:
    """Bytes on each GPU; every weight is under exactly one placed part."""
    held = dict.fromkeys(placed.values(), 0)
    for name, weight in model.named_parameters():
        (gpu,) = [gpu for part, gpu in placed.items() if name.startswith(f"{part}.")]
        held[gpu] += weight.numel() * weight.element_size()
    return held


class Live(torch.utils._python_dispatch.TorchDispatchMode):
    """Bytes of the tensors that operations made and that still exist, at the peak."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self.seen: set[int] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        import weakref

        made = func(*args, **(kwargs or {}))
        for tensor in torch.utils._pytree.tree_leaves(made):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                if storage._cdata not in self.seen:
                    self.seen.add(storage._cdata)
                    self.now += storage.nbytes()
                    self.peak = max(self.peak, self.now)
                    weakref.finalize(storage, self.gone, storage._cdata, storage.nbytes())
        return made

    def gone(self, key: int, size: int) -> None:
        self.seen.discard(key)
        self.now -= size


@pytest.mark.parametrize("gpus", [4, 8])
def test_a_model_of_70_billion_weights_fits_on_gpus_of_80_gb(llama_70b, gpus):
    placed = layers_on_gpus(llama_70b, dict.fromkeys(range(gpus), 80 * GIB), "llama-70b")
    assert set(placed.values()) == set(range(gpus))  # no GPU of the job is idle
    # Whole layers, in order: a row passes from each GPU to the next once.
    of_layers = [placed[f"model.layers.{number}"] for number in range(LAYERS)]
    assert of_layers == sorted(of_layers)
    held = weights_by_gpu(llama_70b, placed)
    assert sum(held.values()) == pytest.approx(141.1e9, rel=1e-3)
    assert max(held.values()) < 1.25 * sum(held.values()) / gpus
    # What a layer holds for a row of 8,192 tokens, beside its weights and its input.
    states = torch.empty((1, 8192, 8192), dtype=torch.bfloat16, device="meta")
    angles = torch.empty((1, 8192, 128), dtype=torch.bfloat16, device="meta")
    with Live() as live, torch.inference_mode():
        llama_70b.model.layers[0](states, position_embeddings=(angles, angles))
    assert 1 * GIB < live.peak < 2 * GIB
    assert max(held.values()) + live.peak < 0.75 * 80 * GIB


def test_gpus_that_are_too_small_are_an_error_before_loading(llama_70b):
    """accelerate would put the rest on disk, where a row takes minutes."""
    with pytest.raises(UserError, match=r"weights \(131 GiB\) do not fit on 2 GPUs with 126 GiB"):
        layers_on_gpus(llama_70b, {0: 70 * GIB, 1: 70 * GIB}, "llama-70b")


def test_only_the_jobs_own_gpus_are_used(monkeypatch, tiny_models):
    """A cluster that does not confine its jobs shows the GPUs of others."""
    from transformers import AutoModelForCausalLM

    free, asked = {}, []

    def mem_get_info(index):
        asked.append(index)
        return 10 * GIB, 80 * GIB

    def layers(model, room, where):
        free.update(room)
        return {"": 0}

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", mem_get_info)
    monkeypatch.setattr(placement, "layers_on_gpus", layers)
    folder = tiny_models["llama"]
    found = loading_arguments(AutoModelForCausalLM, folder, "float32", gpus=4)
    assert free == dict.fromkeys(range(4), 10 * GIB) and asked == [0, 1, 2, 3]
    assert found["device_map"] == {"": 0}
    for few in (0, 1):
        assert "device_map" not in loading_arguments(
            AutoModelForCausalLM, folder, "float32", gpus=few
        )
