"""Placement of a model's layers on the GPUs of a job."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from manybaskets.errors import UserError

log = logging.getLogger(__name__)
# Share of a GPU's free memory for weights; the rest is for activations, logits and adapters.
_FOR_WEIGHTS = 0.9
_OFFLOADED = ("cpu", "disk")  # how accelerate names places that are not a GPU
_GIB = 2.0**30


def loading_arguments(
    auto_class: Any,
    folder: Path,
    precision: str,
    *,
    gpus: int = 0,
    device_map: Mapping[str, Any] | None = None,
    offload: Path | None = None,
) -> dict[str, Any]:
    """Arguments of `from_pretrained` that load only a folder's own safetensors, and spread the
    layers over the GPUs of a job if it has several.

    Args:
        auto_class: transformers class that loads the model.
        precision: `float32` or `bfloat16`.
        gpus: GPUs of the job; with fewer than two, the model is loaded whole.
        device_map: device of each module, as accelerate's `device_map`; None to follow from `gpus`.
        offload: folder for the weights that `device_map` puts on `disk`.

    Raises:
        UserError: the GPUs are too small for the weights.
    """
    import torch

    dtype = getattr(torch, precision)
    arguments: dict[str, Any] = {
        "dtype": dtype,
        "local_files_only": True,
        "use_safetensors": True,
        "trust_remote_code": False,
    }
    if device_map is None and gpus > 1 and torch.cuda.is_available():
        from transformers import AutoConfig

        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        with torch.device("meta"):
            empty = auto_class.from_config(config, dtype=dtype, trust_remote_code=False)
        # Only the job's own GPUs: a cluster that does not confine its jobs shows those of others.
        free = {index: torch.cuda.mem_get_info(index)[0] for index in range(gpus)}
        device_map = layers_on_gpus(empty, free, str(folder))
    if device_map is not None:
        arguments["device_map"] = dict(device_map)
    if offload is not None:
        arguments["offload_folder"] = str(offload)
    return arguments


def layers_on_gpus(model: Any, free: Mapping[int, int], where: str) -> dict[str, Any]:
    """GPU of each module of a model, balanced by weights; no layer is split.

    Args:
        model: the model on the meta device, in its number format.
        free: free bytes by GPU.
        where: the model's folder, for errors.

    Raises:
        UserError: the weights do not fit on the GPUs: offloaded layers would take hours, not
            minutes.
    """
    from accelerate.utils import get_balanced_memory, infer_auto_device_map

    whole = list(getattr(model, "_no_split_modules", None) or [])
    room = {index: int(size * _FOR_WEIGHTS) for index, size in free.items()}
    balanced = get_balanced_memory(model, max_memory=dict(room), no_split_module_classes=whole)
    placed = dict(infer_auto_device_map(model, balanced, no_split_module_classes=whole))
    if set(placed.values()) & set(_OFFLOADED):
        weights = sum(weight.numel() * weight.element_size() for weight in model.parameters())
        raise UserError(
            what=f"the model's weights ({weights / _GIB:.0f} GiB) do not fit on {len(free)} GPUs "
            f"with {sum(room.values()) / _GIB:.0f} GiB for weights",
            where=where,
            expected=f"GPUs that hold the weights in {_FOR_WEIGHTS:.0%} of their free memory, with "
            "no layer split",
            remedy="set `gpu.memory_gib` in slurm/machine.yaml to the memory of one GPU, so that "
            "jobs request enough of them, and check that no other process uses these GPUs",
        )
    log.info("modules by GPU: %s", dict(sorted(Counter(placed.values()).items())))
    return placed


def execution_device(module: Any) -> Any:
    """Device where a module with weights computes: that of its weights, or, if accelerate keeps
    these elsewhere, that which its hook moves them to."""
    device = next(module.parameters()).device
    if device.type != "meta":
        return device
    import torch

    return torch.device(module._hf_hook.execution_device)
