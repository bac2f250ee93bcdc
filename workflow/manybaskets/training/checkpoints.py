"""Training checkpoints: selection, removal, and checks of the exported adapter."""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from manybaskets.errors import UserError
from manybaskets.models.adapter_base import AdapterBase
from manybaskets.records.made_files import contents_of
from manybaskets.records.writing import write_json, write_text

log = logging.getLogger(__name__)
_CHECKPOINT = re.compile(r"checkpoint-(\d+)")
_COMPLETE = "complete.json"
_FINISHED = "adapter"
_DIGESTS = "adapter-digests.json"
_OF_TRAINING = ("learning_rate", "grad_norm")


def curve_of(history: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Points of a training curve from the trainer's log, unique and sorted by step.

    Args:
        history: the trainer's log. A resumed run evaluates its checkpoint again.

    Returns:
        `step`, `kind` (`train`, `eval`) and `loss` in nats per token; `train` points also have
        `learning_rate` and `grad_norm` if logged.
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
        keep: `lowest` validation loss (the earliest for ties), or the `last` evaluation. The
            evaluation before the first step is excluded: there is no adapter yet.
    """
    evaluations = [point for point in curve if point["kind"] == "eval" and point["step"] > 0]
    if keep == "last":
        return max(evaluations, key=lambda point: point["step"])
    # A NaN evaluation is never the lowest.
    return min(evaluations, key=lambda p: (math.isnan(p["loss"]), p["loss"], p["step"]))


def drop_checkpoints(folder: Path, curve: Sequence[Mapping[str, Any]], keep: str) -> None:
    """Delete checkpoints that can no longer be selected; keep the last one for resuming."""
    steps = _checkpoints(folder)
    evaluated = [point for point in curve if point["step"] in steps]
    wanted = {max(steps, default=0)}
    if any(point["kind"] == "eval" and point["step"] > 0 for point in evaluated):
        wanted.add(kept_evaluation(evaluated, keep)["step"])
    for step, path in steps.items():
        if step not in wanted:
            # First, so that one in whose removal the job ends does not count as complete.
            (path / _COMPLETE).unlink(missing_ok=True)
            shutil.rmtree(path)


def mark_complete(folder: Path, step: int) -> None:
    """Mark a checkpoint as completely written by all processes."""
    write_json({"step": step}, folder / f"checkpoint-{step}" / _COMPLETE)


def drop_torn_checkpoints(folder: Path) -> None:
    """Delete incomplete checkpoints of a killed training."""
    for path in _checkpoints(folder).values():
        if not (path / _COMPLETE).exists():
            log.info("deleting the incomplete checkpoint %s", path)
            shutil.rmtree(path)


def _checkpoints(folder: Path) -> dict[int, Path]:
    return {
        int(found[1]): path
        for path in folder.iterdir()
        if (found := _CHECKPOINT.fullmatch(path.name))
    }


@contextlib.contextmanager
def exported(
    checkpoint: Path,
    manifest: Mapping[str, Any],
    base: AdapterBase,
    texts: Mapping[str, str],
    output: Path,
) -> Iterator[Path]:
    """Copy an adapter from its checkpoint, with its manifest, to a folder for checking.

    If the check passes, the folder is renamed to `output`; otherwise it is deleted.

    Args:
        base: where users of the adapter find its base model.
        texts: more files, by name.
    """
    partial = output.with_name(f".{output.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for file in ("adapter_model.safetensors", "adapter_config.json"):
        shutil.copy2(checkpoint / file, partial / file)
    # The trainer's path of the base model would be meaningless elsewhere.
    config = json.loads((partial / "adapter_config.json").read_text())
    # peft keeps the modules in a set: sorted, the same adapter is the same bytes.
    config["target_modules"] = sorted(config["target_modules"])
    config["base_model_name_or_path"], config["revision"] = base
    write_json(config, partial / "adapter_config.json")
    write_json(manifest, partial / "manifest.json")
    for name, text in texts.items():
        write_text(text, partial / name)
    try:
        yield partial
    except BaseException:
        shutil.rmtree(partial)
        raise
    shutil.rmtree(output, ignore_errors=True)
    partial.rename(output)


def trained_modules(checkpoint: Path) -> dict[str, int]:
    """Linear layers that an adapter changes: the number of layers of each name.

    Args:
        checkpoint: folder with the adapter's weights.
    """
    from peft import load_peft_weights

    weights = load_peft_weights(str(checkpoint), device="cpu")
    layers = [name.split(".lora_A.")[0] for name in weights if ".lora_A." in name]
    return dict(sorted(Counter(layer.rpartition(".")[2] for layer in layers).items()))


def keep_finished(output: Path, folder: Path) -> None:
    """Keep only the finished adapter in a run's work folder, as hard links.

    Finished adapters of the same run with other recipes or data are deleted.
    """
    partial = folder / f".{_FINISHED}.partial"
    _linked(output, partial)
    # The links share their bytes with the output: damage to one is damage to both.
    write_json(contents_of(output), folder / _DIGESTS)
    partial.rename(folder / _FINISHED)
    for path in folder.iterdir():
        if path.name not in (_FINISHED, _DIGESTS):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for other in folder.parent.glob(f"*/{_FINISHED}"):
        if other.parent != folder:
            shutil.rmtree(other.parent)


def take_finished(folder: Path, output: Path) -> bool:
    """Restore a run's adapter finished earlier; False if there is none, or a damaged one."""
    finished, digests = folder / _FINISHED, folder / _DIGESTS
    if not finished.is_dir():
        return False
    # Those of older versions have no digests.
    if digests.exists() and json.loads(digests.read_text()) != contents_of(finished):
        log.warning("training again: %s is damaged", finished)
        shutil.rmtree(finished)
        digests.unlink()
        return False
    log.info("not training again: reusing %s, made from the same rows, recipe and seed", finished)
    partial = output.with_name(f".{output.name}.partial")
    _linked(finished, partial)
    shutil.rmtree(output, ignore_errors=True)
    partial.rename(output)
    return True


def _linked(folder: Path, copy: Path) -> None:
    """Copy a folder, with hard links if the file system supports them."""
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
    """Check that saved adapter weights are complete, match the model and change its output.

    Args:
        model: a peft model with an adapter of the same kind.
        saved: the saved weights by name, as read by peft.

    Raises:
        UserError: weights are missing, have the wrong shape, are NaN, or are all zero.
    """
    import torch
    from peft import get_peft_model_state_dict

    # The vocabulary is never resized; peft would query the Hub about it.
    adapter = get_peft_model_state_dict(model, save_embedding_layers=False)
    wanted = {key: tuple(weight.shape) for key, weight in adapter.items()}
    found = {key: tuple(weight.shape) for key, weight in saved.items()}
    wrong = sorted(key for key in wanted.keys() | found.keys() if wanted.get(key) != found.get(key))
    if wrong:
        key = wrong[0]
        raise UserError(
            what=f"{len(wrong)} weights of the saved adapter do not match the model",
            where=f"target '{name}', {key}: saved {found.get(key)}, in the model {wanted.get(key)}",
            expected="all weights of the adapter with the model's shapes",
            remedy="check in the log how the checkpoint was saved; mismatched versions of peft, "
            "accelerate and transformers can cause this",
        )
    finite = all(bool(torch.isfinite(weight).all()) for weight in saved.values())
    acting = any(bool(weight.any()) for key, weight in saved.items() if "lora_B" in key)
    if not (finite and acting):
        raise _without_effect(name)


def check_adapter_acts(
    model_folder: Path, adapter: Path, ids: Sequence[int], precision: str, name: str
) -> None:
    """Load an adapter on its untuned base and check that it changes the logits.

    Raises:
        UserError: it is incomplete, changes nothing, or makes the logits non-finite.
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
        spread: put it on the GPUs, distributed over all GPUs if it does not fit on one.
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
    """Free GPU memory held by unused models."""
    import gc

    import torch

    if torch.cuda.is_available():
        gc.collect()
        torch.cuda.empty_cache()


def _without_effect(name: str) -> UserError:
    return UserError(
        what="the trained adapter does not change the model's logits, or makes them non-finite",
        where=f"target '{name}'",
        expected="finite logits that differ from the untuned model's",
        remedy="check the loss in the log and adjust `training.learning_rate`: a rate that is 0 "
        "or far too high causes this",
    )
