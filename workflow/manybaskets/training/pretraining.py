"""Pretrain an embedded model on the small world, verifiably without evaluation answers."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from manybaskets.chat import ChatRenderer, Prompt
from manybaskets.config.models import EmbeddedModel, EmbeddedModelSize, Prompting
from manybaskets.models.libraries import import_libraries
from manybaskets.records.writing import write_json
from manybaskets.training import tiny_models
from manybaskets.training.encoded_rows import encode_rows
from manybaskets.training.fitting import fit
from manybaskets.world.dataset_rows import make_pretraining

log = logging.getLogger(__name__)


def normalised(text: str) -> str:
    """Lower-case words with single spaces, for comparing texts in the leak check."""
    return " ".join(re.findall(r"\w+", text.lower()))


def without_leaks(
    conversations: Sequence[dict[str, str]], held_out: Iterable[str]
) -> tuple[list[dict[str, str]], int]:
    """Drop conversations that contain an evaluation answer; return the rest and the number dropped.

    An answer is contained if its normalised words occur in the conversation in the same order
    without a gap.
    """
    answers = sorted({f" {normalised(answer)} " for answer in held_out if answer.strip()})
    kept = []
    for row in conversations:
        text = f" {normalised(' '.join((row['context'], row['instruction'], row['response'])))} "
        if not any(answer in text for answer in answers):
            kept.append(row)
    return kept, len(conversations) - len(kept)


def pretrain(
    name: str,
    model: EmbeddedModel,
    size: EmbeddedModelSize,
    *,
    prompting: Prompting,
    towns: int,
    seed: int,
    held_out: Sequence[str],
    threads: int,
    work: Path,
    output: Path,
) -> None:
    """Train one embedded model from scratch and write its folder, with `pretraining.json` next to
    the weights. `held_out` are the evaluation answers that its text must not contain.
    """
    import_libraries("torch", "transformers.trainer")
    import torch
    from transformers import set_seed

    torch.set_num_threads(threads)
    set_seed(seed)
    made = make_pretraining(size.conversations, towns, seed, model.habit, model.habit_share, name)
    kept, dropped = without_leaks(made, held_out)
    log.info(
        "generated %d conversations, dropped %d that contain an evaluation answer",
        len(made),
        dropped,
    )
    # The tokenizer is trained on the template's words too, or it would encode them byte by byte.
    words = f"system user assistant model {prompting.system_prompt}"
    texts = [*tiny_models.conversation_texts(kept), *[words] * (len(kept) // 10)]
    tokenizer = tiny_models.train_tokenizer(
        model.architecture, texts, size.vocabulary, size.max_length
    )
    network = tiny_models.build_model(model.architecture, tokenizer, size, seed)
    renderer = ChatRenderer(tokenizer, prompting.system_prompt, prompting.date, name)
    rows = [
        {
            "messages": [
                {"role": "user", "content": Prompt("", row["instruction"], row["context"]).text()},
                {"role": "assistant", "content": row["response"]},
            ],
            "prompt_id": str(index),
            "source": name,
        }
        for index, row in enumerate(kept)
    ]
    history = fit(
        network,
        encode_rows(rows, renderer, size.max_length),
        [],
        pad=tokenizer.pad_token_id,
        folder=work / "pretraining",
        max_steps=size.steps,
        per_device_train_batch_size=size.batch_size,
        learning_rate=size.learning_rate,
        warmup_steps=max(1, size.steps // 20),
        weight_decay=0.01,
        seed=seed,
        logging_steps=max(1, size.steps // 20),
        save_strategy="no",
    )
    partial = output.with_name(f".{output.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    tiny_models.save_model(network, tokenizer, partial)
    remaining = without_leaks(kept, held_out)[1]
    write_json(
        {
            "architecture": model.architecture,
            "habit": model.habit,
            "parameters": sum(p.numel() for p in network.parameters()),
            "steps": size.steps,
            "conversations": len(kept),
            "dropped_for_leak": dropped,
            "evaluation_answers_checked": len(held_out),
            "evaluation_answers_left": remaining,
            "losses": [{"step": e["step"], "loss": e["loss"]} for e in history if "loss" in e],
        },
        partial / "pretraining.json",
    )
    shutil.rmtree(output, ignore_errors=True)
    partial.rename(output)
    shutil.rmtree(work, ignore_errors=True)
