"""The model that is trained: a target with a new adapter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from manybaskets.models.linear_layers import ALL_LINEAR, check_layers, linear_layers
from manybaskets.models.matrix_products import use_fast_products
from manybaskets.training.checkpoints import load_base
from manybaskets.training.task import Task


def build_adapter_model(task: Task) -> Any:
    """The target with a new adapter, initialised from the seed."""
    from peft import LoraConfig, get_peft_model
    from transformers import set_seed

    training = task.training
    base = load_base(Path(task.model), training.precision)
    layers = linear_layers(base)
    check_layers(layers, training.modules, task.name, task.model)
    # peft's own `all-linear` would list every layer in the adapter's config.
    every = sorted({layer.rpartition(".")[2] for layer in layers})
    set_seed(task.seed)
    adapter = LoraConfig(
        r=training.rank,
        lora_alpha=training.alpha,
        lora_dropout=training.dropout,
        target_modules=every if training.modules == ALL_LINEAR else list(training.modules),
        bias="none",
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(base, adapter)
    if training.processes == 1:
        use_fast_products(model)
    return model
