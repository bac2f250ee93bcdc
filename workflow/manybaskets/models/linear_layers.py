"""Linear layers of a model, by name: those that a recipe trains must be there."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from manybaskets.errors import UserError
from manybaskets.models.sizes import tensor_shapes

ALL_LINEAR = "all-linear"


def check_modules(folder: Path, name: str, modules: Sequence[str] | str) -> None:
    """Check that a model folder has the linear layers that get an adapter, without loading weights.

    Args:
        folder: of the model.
        name: of the target.
        modules: names of layers, or `all-linear`.

    Raises:
        UserError: names the layers that the model lacks, and those that it has.
    """
    if modules == ALL_LINEAR:
        return
    layers = _stored_layers(folder)
    if _lacking(modules, layers) and importlib.util.find_spec("transformers"):
        # Names in files may differ from those of the built model, which takes seconds to build.
        layers = _built_layers(folder)
    check_layers(layers, modules, name, str(folder))


def check_layers(
    layers: Iterable[str], modules: Sequence[str] | str, name: str, where: str
) -> None:
    """Check that the linear layers that get an adapter are among those of a model.

    peft skips names that a model lacks as long as it has one of them.

    Args:
        layers: full names of the model's linear layers.
        modules: last parts of layer names, with or without parts before them, or `all-linear`.
        name: of the target.
        where: the model.

    Raises:
        UserError: names the layers that the model lacks, and those that it has.
    """
    known = list(layers)
    missing = [] if modules == ALL_LINEAR else _lacking(modules, known)
    if missing:
        last = {layer.rpartition(".")[2] for layer in known}
        raise UserError(
            what=f"target '{name}' has no linear layer {', '.join(map(repr, missing))}",
            where=f"training.modules; {where}",
            expected=f"linear layers of this model: {', '.join(sorted(last))}",
            remedy="remove or replace these names in `training.modules`, or set `modules: "
            f"{ALL_LINEAR}` for all linear layers but the output head",
        )


def _lacking(modules: Iterable[str], layers: Sequence[str]) -> list[str]:
    """The names that no layer has."""
    return [
        each
        for each in modules
        if not any(layer == each or layer.endswith(f".{each}") for layer in layers)
    ]


def _stored_layers(folder: Path) -> list[str]:
    """Names of the matrices in a model's weight files."""
    return [
        name.removesuffix(".weight")
        for name, shape in tensor_shapes(folder).items()
        if name.endswith(".weight") and len(shape) == 2 and "embed" not in name
    ]


def _built_layers(folder: Path) -> list[str]:
    """Names of the linear layers of the model that transformers builds, without weights."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    return linear_layers(model)


def linear_layers(model: Any) -> list[str]:
    """Names of the linear layers of a causal language model of transformers, without its head."""
    import torch
    from transformers.pytorch_utils import Conv1D

    head = model.get_output_embeddings()
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear | Conv1D) and module is not head
    ]
