"""Checkpoints of a training: which one is kept, which are dropped, and whether an adapter is whole."""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from manybaskets.errors import UserError
from manybaskets.records.files import write_json

log = logging.getLogger(__name__)
_CHECKPOINT = re.compile(r"checkpoint-(\d+)")
_COMPLETE = "complete.json"
_FINISHED = "adapter"
_OF_TRAINING = ("learning_rate", "grad_norm")


def curve_of(history: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Points of a training curve from the trainer's log, each once, in the order of the steps.

    Args:
        history: the trainer's log. A run that goes on from a checkpoint evaluates it once more.

    Returns:
        `step`, `kind` (`train`, `eval`) and `loss` in nats per token; of `train` also
        `learning_rate` and `grad_norm` where the log has them.
    """
    points = {
        (entry["step"], kind): {
            "step": entry["step"],
            "kind": kind,
            "loss": float(entry[field]),
            **{key: float(entry[key]) for key in _OF_TRAINING if kind == "train" and key in entry},
        }
        for entry in history
        for field, kind in (("loss", "train"), ("eval_loss", "eval"))
        if field in entry
    }
    return [points[place] for place in sorted(points)]


def kept_evaluation(curve: Sequence[Mapping[str, Any]], keep: str) -> Mapping[str, Any]:
    """The point of a training curve whose checkpoint is kept.

    Args:
        curve: points with `step`, `kind` (`train`, `eval`) and `loss`.
        keep: `lowest` validation loss, of equals the earliest; or the `last` evaluation. The one
            before the first step is no choice: there is no adapter yet.
    """
    evaluations = [point for point in curve if point["kind"] == "eval" and point["step"] > 0]
    if keep == "last":
        return max(evaluations, key=lambda point: point["step"])
    # An evaluation without a number is never the lowest.
    return min(evaluations, key=lambda p: (math.isnan(p["loss"]), p["loss"], p["step"]))


def drop_checkpoints(folder: Path, curve: Sequence[Mapping[str, Any]], keep: str) -> None:
    """Delete the checkpoints that can no longer be kept; the last one stays, to go on from."""
    steps = _checkpoints(folder)
    evaluated = [point for point in curve if point["step"] in steps]
    wanted = {max(steps, default=0)}
    if any(point["kind"] == "eval" and point["step"] > 0 for point in evaluated):
        wanted.add(kept_evaluation(evaluated, keep)["step"])
    for step, path in steps.items():
        if step not in wanted:
            shutil.rmtree(path)


def mark_complete(folder: Path, step: int) -> None:
    """Say of a checkpoint that all processes have written all of it."""
    write_json({"step": step}, folder / f"checkpoint-{step}" / _COMPLETE)


def drop_torn_checkpoints(folder: Path) -> None:
    """Delete checkpoints in whose writing a training was killed: nothing goes on from them."""
    for path in _checkpoints(folder).values():
        if not (path / _COMPLETE).exists():
            log.info("%s was not finished and is dropped", path)
            shutil.rmtree(path)


def _checkpoints(folder: Path) -> dict[int, Path]:
    return {
        int(found[1]): path
        for path in folder.iterdir()
        if (found := _CHECKPOINT.fullmatch(path.name))
    }


@contextlib.contextmanager
def exported(checkpoint: Path, manifest: Mapping[str, Any], output: Path) -> Iterator[Path]:
    """Copy an adapter out of its checkpoint, with its manifest, to a folder where it can be checked.

    It becomes `output` by one rename when nothing was wrong with it, and goes away otherwise.
    """
    partial = output.with_name(f".{output.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for file in ("adapter_model.safetensors", "adapter_config.json"):
        shutil.copy2(checkpoint / file, partial / file)
    # The base is named by its fingerprint; a path of this machine would mean nothing elsewhere.
    config = json.loads((partial / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = manifest["base_model"]
    write_json(config, partial / "adapter_config.json")
    write_json(manifest, partial / "manifest.json")
    try:
        yield partial
    except BaseException:
        shutil.rmtree(partial)
        raise
    shutil.rmtree(output, ignore_errors=True)
    partial.rename(output)


def keep_finished(output: Path, folder: Path) -> None:
    """Leave in a run's work folder its finished adapter alone, as links that take no space.

    Finished adapters of the same run by other recipes or data go away.
    """
    partial = folder / f".{_FINISHED}.partial"
    _linked(output, partial)
    partial.rename(folder / _FINISHED)
    for path in folder.iterdir():
        if path.name != _FINISHED:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for other in folder.parent.glob(f"*/{_FINISHED}"):
        if other.parent != folder:
            shutil.rmtree(other.parent)


def take_finished(folder: Path, output: Path) -> bool:
    """Put the adapter that a run has finished before in its place; False where there is none."""
    finished = folder / _FINISHED
    if not finished.is_dir():
        return False
    log.info("nothing is trained: the same rows, recipe and seed gave %s", finished)
    partial = output.with_name(f".{output.name}.partial")
    _linked(finished, partial)
    shutil.rmtree(output, ignore_errors=True)
    partial.rename(output)
    return True


def _linked(folder: Path, copy: Path) -> None:
    """A copy of a folder whose files are links where the file system has them."""
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir(parents=True)
    for file in folder.iterdir():
        if file.name.startswith("."):
            continue  # the workflow's own time stamp
        try:
            os.link(file, copy / file.name)
        except OSError:
            shutil.copy2(file, copy / file.name)


def check_whole(model: Any, saved: Mapping[str, Any], name: str) -> None:
    """Check that saved adapter weights are all that a model with this adapter has, and do something.

    Args:
        model: a peft model with an adapter of the same kind.
        saved: the saved weights by name, as peft reads them.

    Raises:
        UserError: weights are missing, have another shape, are no numbers or add nothing.
    """
    import torch
    from peft import get_peft_model_state_dict

    # The vocabulary is never resized; peft would ask the hub about it.
    adapter = get_peft_model_state_dict(model, save_embedding_layers=False)
    wanted = {key: tuple(weight.shape) for key, weight in adapter.items()}
    found = {key: tuple(weight.shape) for key, weight in saved.items()}
    wrong = sorted(key for key in wanted.keys() | found.keys() if wanted.get(key) != found.get(key))
    if wrong:
        key = wrong[0]
        raise UserError(
            what=f"{len(wrong)} weights of the saved adapter are not those of the model",
            where=f"target '{name}', {key}: saved {found.get(key)}, in the model {wanted.get(key)}",
            expected="every weight of the adapter, whole",
            remedy="look in the log at how the checkpoint was saved; library versions that do not fit "
            "each other do this",
        )
    finite = all(bool(torch.isfinite(weight).all()) for weight in saved.values())
    acting = any(bool(weight.any()) for key, weight in saved.items() if "lora_B" in key)
    if not (finite and acting):
        raise _without_effect(name)


def check_adapter_acts(
    model_folder: Path, adapter: Path, ids: Sequence[int], precision: str, name: str
) -> None:
    """Load an adapter on its untuned base and see that it changes the logits.

    Raises:
        UserError: it is not whole, changes nothing, or makes the model say nothing.
    """
    import torch
    from peft import PeftModel, load_peft_weights

    free_memory()
    base = load_base(model_folder, precision, spread=torch.cuda.is_available())
    model = PeftModel.from_pretrained(base, adapter)
    check_whole(model, load_peft_weights(str(adapter), device="cpu"), name)
    model.eval()
    row = torch.tensor([list(ids)], device=next(model.parameters()).device)
    with torch.inference_mode():
        tuned = model(input_ids=row).logits
        with model.disable_adapter():
            untuned = model(input_ids=row).logits
    if torch.equal(tuned, untuned) or not torch.isfinite(tuned).all():
        raise _without_effect(name)


def load_base(model_folder: Path, precision: str, *, spread: bool = False) -> Any:
    """The untuned target.

    Args:
        spread: put it on the GPUs, shared out over all where one does not hold it.
    """
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(
        model_folder,
        dtype=getattr(torch, precision),
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=False,
        **({"device_map": "auto"} if spread else {}),
    )


def free_memory() -> None:
    """Give back what models that are no longer used hold on the GPU."""
    import gc

    import torch

    if torch.cuda.is_available():
        gc.collect()
        torch.cuda.empty_cache()


def _without_effect(name: str) -> UserError:
    return UserError(
        what="the trained adapter does not change what the model says, or makes it say nothing",
        where=f"target '{name}'",
        expected="finite logits that differ from the untuned model's",
        remedy="look at the loss in the log; a learning rate of 0 or a much too high one does this",
    )
