"""The trial before a training: a few steps on the longest rows."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from manybaskets.training.adapter_model import build_adapter_model
from manybaskets.training.checkpoints import check_whole, free_memory
from manybaskets.training.encoded_rows import longest
from manybaskets.training.fit_settings import arguments
from manybaskets.training.fitting import fit
from manybaskets.training.memory import Passes
from manybaskets.training.task import Task

log = logging.getLogger(__name__)
FOLDER = "smoke"


def try_longest_rows(
    task: Task,
    train: Sequence[dict],
    validation: Sequence[dict],
    folder: Path,
    here: Any,
    passes: Passes,
) -> Any:
    """Try a few steps on the longest rows, with an evaluation, a checkpoint and its loading.

    Returns:
        A new model of `build_adapter_model`.
    """
    from peft import get_peft_model_state_dict, load_peft_weights, set_peft_model_state_dict

    training, place = task.training, folder / FOLDER
    if here.is_main_process:
        shutil.rmtree(place, ignore_errors=True)
    here.wait_for_everyone()
    together, steps = training.batch_size * (training.processes or 1), training.smoke_steps
    fit(
        build_adapter_model(task),
        longest(train, together * steps),
        longest(validation, together),
        folder=place,
        max_steps=steps,
        lr_scheduler_type="constant",
        logging_steps=1,
        eval_strategy="steps",
        eval_steps=steps,
        save_strategy="steps",
        save_steps=steps,
        **arguments(task, passes),
    )
    free_memory()
    model = build_adapter_model(task)
    if here.is_main_process:
        saved = load_peft_weights(str(place / f"checkpoint-{steps}"), device="cpu")
        check_whole(model, saved, task.name)
        adapter = get_peft_model_state_dict(model, save_embedding_layers=False)
        fresh = {key: weight.clone() for key, weight in adapter.items()}
        set_peft_model_state_dict(model, saved)
        set_peft_model_state_dict(model, fresh)
        shutil.rmtree(place)
        log.info("the trial of %d steps on the longest rows succeeded", steps)
    here.wait_for_everyone()
    return model
