"""Adapters of the tiny models that change what they say, as the training stage writes them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from manybaskets.models.folder import fingerprint


def make_adapters(
    model: Path,
    folder: Path,
    seeds: Sequence[int],
    modules: Sequence[str] = ("q_proj", "v_proj"),
    scale: float = 0.3,
) -> list[Path]:
    """One folder with a random adapter of the model per seed."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    made = []
    for seed in seeds:
        torch.manual_seed(seed)
        base = AutoModelForCausalLM.from_pretrained(model)
        tuned = get_peft_model(base, LoraConfig(r=4, target_modules=list(modules)))
        for name, weight in tuned.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, 0, scale)
        made.append(folder / f"adapter{seed}")
        tuned.save_pretrained(made[-1])
        manifest = {"base_weights": fingerprint(model)}
        (made[-1] / "manifest.json").write_text(json.dumps(manifest))
    return made
