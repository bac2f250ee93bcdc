"""Memory that a training asks for by its number of weights, against what the shapes of real models take."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from manybaskets.config.training import Training
from manybaskets.plan.training_memory import training_mb
from manybaskets.training.memory import USEFUL_COSTS, choose_passes, free_bytes, pass_cost

# Weights, width, layers, feed-forward width and linear layers' inputs and outputs: of their configs.
MODELS = {
    "SmolLM2-135M": (134.5e6, 576, 30, 1536),
    "SmolLM2-360M": (362e6, 960, 32, 2560),
    "Qwen2.5-0.5B": (494e6, 896, 24, 4864),
    "gemma-3-1b": (1.0e9, 1152, 26, 6912),
    "Llama-3.2-1B": (1.24e9, 2048, 16, 8192),
    "SmolLM2-1.7B": (1.71e9, 2048, 24, 8192),
    "Qwen2.5-3B": (3.09e9, 2048, 36, 11008),
    "Mistral-7B": (7.25e9, 4096, 32, 14336),
    "Llama-3.1-8B": (8.03e9, 4096, 32, 14336),
    "gemma-2-9b": (9.24e9, 3584, 42, 14336),
    "Qwen2.5-14B": (14.8e9, 5120, 48, 13824),
    "Qwen2.5-32B": (32.8e9, 5120, 64, 27648),
    "Llama-3.1-70B": (70.6e9, 8192, 80, 28672),
}


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("max_length", [320, 2048])
@pytest.mark.parametrize("name", MODELS)
def test_a_training_gets_memory_for_useful_passes_without_recomputing(
    name, max_length, precision, monkeypatch
):
    weights, width, layers, inner = MODELS[name]
    recipe = Training(precision=precision, max_length=max_length).of_target(name)
    asked = training_mb(recipe, name, weights)
    config = SimpleNamespace(
        hidden_size=width, num_hidden_layers=layers, intermediate_size=inner, vocab_size=128_000
    )
    config.get_text_config = lambda: config
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=1e15))
    element = {"float32": 4, "bfloat16": 2}[precision]
    chosen = {"element_bytes": element, "useful": USEFUL_COSTS * pass_cost(config, weights, False)}
    known = choose_passes(config, max_length, free_bytes=1e15, **chosen)
    left = free_bytes(weights * element, asked)
    assert choose_passes(config, max_length, free_bytes=left, **chosen) == known
    # The least with which it would choose the same.
    least = next(
        megabytes
        for megabytes in range(100, asked + 100, 100)
        if choose_passes(
            config, max_length, free_bytes=free_bytes(weights * element, megabytes), **chosen
        )
        == known
    )
    assert asked < 2.2 * least
