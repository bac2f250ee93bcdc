"""Check LoRA adapters, and load them into a model that may be spread over several devices."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from manybaskets.engines.placement import execution_device
from manybaskets.errors import UserError


def add_adapter(model: Any, folder: Path, adapter: str) -> Any:
    """Add an adapter to a model, each of its weights on the device where its layer computes.

    `PeftModel.from_pretrained` would place a model with offloaded layers anew, by its own choice.
    Here the placement of the base model stays as it is.

    Args:
        model: a transformers model, or the peft model that an earlier call returned.
        adapter: name of the adapter in the peft model.

    Returns:
        The peft model; the adapter is not yet selected unless it is the first.

    Raises:
        UserError: the adapter's weights are not those of the modules that its config names.
    """
    from peft import PeftConfig, PeftModel, PeftModelForCausalLM, set_peft_model_state_dict
    from peft.utils import load_peft_weights

    config = PeftConfig.from_pretrained(str(folder))
    config.inference_mode = True
    try:
        # On the meta device at first: peft would choose that of the base weights, which an
        # offloaded layer does not have.
        if isinstance(model, PeftModel):
            model.add_adapter(adapter, config, low_cpu_mem_usage=True)
        else:
            model = PeftModelForCausalLM(model, config, adapter, low_cpu_mem_usage=True)
    except ValueError as error:
        raise _unfitting(folder, str(error)) from None
    _make_room(model, adapter)
    weights = load_peft_weights(str(folder), device="cpu")
    result = set_peft_model_state_dict(model, weights, adapter)
    missing = [key for key in result.missing_keys if f".{adapter}." in key]
    if missing:
        raise _unfitting(folder, f"it has no weights for {missing[0]}")
    if result.unexpected_keys:
        raise _unfitting(folder, f"the model has no module for {result.unexpected_keys[0]}")
    return model.eval()


def _make_room(model: Any, adapter: str) -> None:
    """Memory for an adapter's weights, on the device where each layer computes."""
    import torch
    from peft.tuners.tuners_utils import BaseTunerLayer

    for layer in model.modules():
        if not isinstance(layer, BaseTunerLayer):
            continue
        device = execution_device(layer.get_base_layer())
        for by_adapter in (getattr(layer, name) for name in layer.adapter_layer_names):
            weights = dict(by_adapter.items()).get(adapter)
            if isinstance(weights, torch.nn.Parameter):  # of an embedding
                empty = torch.empty_like(weights, device=device)
                by_adapter[adapter] = torch.nn.Parameter(empty, requires_grad=False)
            elif weights is not None:
                weights.to_empty(device=device)


def _unfitting(folder: Path, reason: str) -> UserError:
    return UserError(
        what=f"the adapter does not fit the model: {reason:.200}",
        where=str(folder),
        expected="LoRA weights for exactly the modules that adapter_config.json names",
        remedy="delete this folder and rerun the same command to train the run again",
    )


def check_adapter_base(folder: Path, weights: str, name: str) -> None:
    """Check that an adapter was trained on the base model whose weights have this fingerprint.

    Raises:
        UserError: it was trained on another base model, or does not record it.
    """
    manifest = folder / "manifest.json"
    base = json.loads(manifest.read_text()).get("base_weights") if manifest.exists() else None
    if base != weights:
        raise UserError(
            what=f"the adapter was trained on another base model than '{name}'",
            where=str(folder),
            expected=f"base weights {weights}, found {base}",
            remedy="train the adapter again, or use the base model that it belongs to",
        )
