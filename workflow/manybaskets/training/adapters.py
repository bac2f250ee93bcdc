"""Train one adapter: encode rows, run training processes, then select, export and check."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from manybaskets.chat import load_tokenizer
from manybaskets.chat.tokenizers import padding_id
from manybaskets.config.models import Prompting
from manybaskets.config.training import Training
from manybaskets.errors import UserError
from manybaskets.jobs.provenance import git_commit
from manybaskets.jobs.stage_versions import stage_version
from manybaskets.models.adapter_base import AdapterBase
from manybaskets.models.chat_rendering import renderer_of
from manybaskets.models.folder import check_folder, fingerprint
from manybaskets.models.linear_layers import check_modules
from manybaskets.records.ids import digest
from manybaskets.training.checkpoints import (
    check_adapter_acts,
    curve_of,
    exported,
    keep_finished,
    kept_evaluation,
    take_finished,
    trained_modules,
)
from manybaskets.training.encoded_rows import encode_rows
from manybaskets.training.launching import launch, strategy_of
from manybaskets.training.task import RESULT, Task, steps_of, write_task

log = logging.getLogger(__name__)
Card = Callable[[Path, AdapterBase, Mapping[str, Any], Mapping[str, Sequence[Any]]], str]
_PACKAGES = ("torch", "transformers", "peft", "accelerate")


def train_adapter(
    model_folder: Path,
    rows: Mapping[str, Sequence[Mapping[str, Any]]],
    *,
    training: Training,
    prompting: Prompting,
    seed: int,
    threads: int,
    name: str,
    work: Path,
    output: Path,
    trackers: Path | None = None,
    run: str = "",
    base: AdapterBase | None = None,
    card: Card | None = None,
    memory_mb: int | None = None,
) -> None:
    """Train one LoRA adapter; `output` then contains its weights, config and `manifest.json`.

    Args:
        rows: chat rows of the splits `train` and `validation`.
        training: the target's recipe from `Training.of_target`.
        threads: total threads of all processes.
        name: name of the target.
        work: folder for checkpoints and the finished adapter; those of another recipe, seed or data
            are never reused.
        output: adapter folder, with a model card and the chat template, created by an atomic
            rename. Checkpoints are saved at each evaluation and at the end; one is kept according
            to `training.keep_checkpoint`.
        trackers: folder for tracker files; defaults to `work`.
        run: name of the run in trackers and in the adapter's manifest.
        base: the base model that the adapter's config names; None for the path of its folder.
        card: makes the text of the model card; None for no card.
        memory_mb: main memory of the job, in MB; None for what the machine has free.

    Raises:
        UserError: a row is too long, the target lacks a layer of `training.modules`, or a tracker
            is not installed; also as `process.run` and `check_adapter_acts`.
    """
    training = training.of_target(name)
    check_folder(model_folder, name)
    check_modules(model_folder, name, training.modules)
    check_trackers(training.report_to)
    tokenizer = load_tokenizer(model_folder, name)
    renderer = renderer_of(tokenizer, prompting, name)
    encoded = {
        split: encode_rows(rows[split], renderer, training.max_length, training.loss)
        for split in rows
    }
    weights = fingerprint(model_folder)
    data = digest(
        [[row["prompt_id"], row["messages"]] for split in sorted(rows) for row in rows[split]]
    )
    recipe = _recipe(training)
    # Checkpoints of one distribution strategy cannot be used by another.
    way = strategy_of(training, name)
    version = stage_version("train")
    key = digest(version, weights, recipe, way, prompting.model_dump(), seed, data)[:24]
    folder = work / key
    # A mix that was rebuilt may have the same content.
    if take_finished(folder, output):
        return
    folder.mkdir(parents=True, exist_ok=True)
    task = Task(
        model=str(model_folder),
        name=name,
        recipe=training.model_dump(),
        seed=seed,
        threads=threads,
        pad=padding_id(tokenizer, name, renderer.end_ids[-1]),
        vocabulary=len(tokenizer),
        trackers=str(trackers or work / "trackers"),
        run=run or name,
        memory_mb=memory_mb,
    )
    write_task(task, encoded, folder)
    launch(task, folder)
    curve = curve_of(json.loads((folder / RESULT).read_text())["history"])
    kept = kept_evaluation(curve, training.keep_checkpoint)
    checkpoint = folder / f"checkpoint-{kept['step']}"
    manifest = {
        "base_model": name,
        "base_weights": weights,
        "training": recipe,
        "trained_modules": trained_modules(checkpoint),
        "prompting": prompting.model_dump(),
        "template": renderer.template_hash,
        "run": run,
        "seed": seed,
        "rows": {split: len(encoded[split]) for split in encoded},
        "rows_per_step": training.rows_per_step(name),
        "steps": steps_of(training, len(encoded["train"])),
        "kept_step": kept["step"],
        "kept_eval_loss": kept["loss"],
        "curve": curve,
        "launch": {
            "strategy": way,
            "processes": training.processes,
            "settings": training.launch[name].model_dump(),
            "versions": {package: importlib.metadata.version(package) for package in _PACKAGES},
            **_measured(folder),
        },
        "git_commit": git_commit(),
    }
    base = base or AdapterBase(Path(model_folder).as_posix())
    texts = {"chat_template.jinja": str(tokenizer.chat_template)}
    if card:
        texts["README.md"] = card(output, base, manifest, rows)
    ids = encoded["validation"][0]["input_ids"]
    with exported(checkpoint, manifest, base, texts, output) as made:
        check_adapter_acts(model_folder, made, ids, training.precision, name)
    keep_finished(output, folder)


def check_trackers(names: Sequence[str]) -> None:
    """Check that the tracker packages are installed, before training.

    Raises:
        UserError: names the first package that is missing.
    """
    for name in names:
        found = importlib.util.find_spec(name)
        if name == "tensorboard" and not found:
            found = importlib.util.find_spec("tensorboardX")
        if not found:
            raise UserError(
                what=f"the tracker '{name}' is not installed",
                where="training.report_to",
                expected=f"the Python package '{name}' in the job's environment",
                remedy=f"run `pip install {name}`, or remove '{name}' from `training.report_to`",
            )


def _recipe(training: Training) -> dict[str, Any]:
    """The settings of a recipe that determine an adapter."""
    left = {"seeds", "per_target"}
    return {key: value for key, value in training.science().items() if key not in left}


def _measured(folder: Path) -> dict[str, Any]:
    """Measurements of the last attempt: times of the first process, and the highest memory use."""
    told = [json.loads(path.read_text()) for path in sorted(folder.glob("process-*.json"))]
    return {
        "device": told[0]["device"],
        "tokens_per_pass": told[0]["tokens_per_pass"],
        "gradient_checkpointing": told[0]["gradient_checkpointing"],
        "seconds": told[0]["seconds"],
        "trial_seconds": told[0]["trial_seconds"],
        "training_seconds": told[0]["training_seconds"],
        "peak_bytes_of_a_process": max(each["peak_bytes"] for each in told),
        "went_on_from_step": told[0]["went_on_from_step"],
    }
