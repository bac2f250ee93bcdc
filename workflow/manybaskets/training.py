"""Fine-tuning: LoRA adapters by peft and the trainer of transformers, with loss on the answer only."""

from __future__ import annotations

import json
import logging
import math
import random
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from manybaskets.chat import ChatRenderer
from manybaskets.config.parts import Prompting, Training
from manybaskets.errors import UserError
from manybaskets.jobs import git_commit
from manybaskets.models.folder import check_folder, fingerprint
from manybaskets.records import digest, write_json

log = logging.getLogger(__name__)
IGNORED = -100
# A first loss near ln(vocabulary) means that the labels are not the answers' tokens.
SANE_SHARE_OF_CHANCE = 0.75


def encode_rows(
    rows: Sequence[Mapping[str, Any]],
    renderer: ChatRenderer,
    max_length: int,
    loss: Literal["answers", "all"] = "answers",
) -> list[dict]:
    """Token ids and labels of chat rows; what is not learned is labelled -100.

    Args:
        loss: `answers`: every answer of a conversation with its end token is learned; `all`: every
            token but BOS.

    Raises:
        UserError: a row is longer than `max_length`, such rows leave all mixes before training; or
            the template rewrites earlier turns.
    """
    encoded = []
    for row in rows:
        turns = [turn["content"] for turn in row["messages"] if turn["role"] != "system"]
        ids: list[int] = []
        labels: list[int] = []
        for prompt, answer in renderer.encode_turns(turns[0::2], turns[1::2]):
            ids += [*prompt, *answer]
            labels += [*(prompt if loss == "all" else [IGNORED] * len(prompt)), *answer]
        if ids[0] == renderer.tokenizer.bos_token_id:
            labels[0] = IGNORED
        if len(ids) > max_length:
            raise UserError(
                what=f"a training row has {len(ids)} tokens",
                where=f"prompt {row['prompt_id']}, source {row['source']}",
                expected=f"at most {max_length} (training.max_length)",
                remedy="run the mixes again: rows that are too long leave all of them by id",
            )
        encoded.append({"input_ids": ids, "labels": labels})
    return encoded


def pad_batch(rows: Sequence[Mapping[str, Any]], pad: int) -> dict[str, Any]:
    """Right-pad rows to one width; padding is masked and never a label."""
    import torch

    width = max(len(row["input_ids"]) for row in rows)

    def filled(key: str, value: int) -> Any:
        return torch.tensor([[*row[key], *[value] * (width - len(row[key]))] for row in rows])

    mask = [[1] * len(r["input_ids"]) + [0] * (width - len(r["input_ids"])) for r in rows]
    return {
        "input_ids": filled("input_ids", pad),
        "labels": filled("labels", IGNORED),
        "attention_mask": torch.tensor(mask),
    }


class LengthBuckets:
    """Order of training rows: batches of like length, in random order.

    Rows are shuffled, sorted by length within stretches of a few batches, and the batches shuffled
    again. Sorting over long stretches, as `group_by_length` does, would let the model see one kind of
    question after the other, and a tiny model then does not learn which town is asked about.
    """

    BATCHES_IN_STRETCH = 16

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self.lengths, self.batch_size, self.seed, self.epoch = lengths, batch_size, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Called before every pass, so that a resumed run sees the order of an undisturbed one."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        rng = random.Random(f"{self.seed}/{self.epoch}")
        rows = list(range(len(self.lengths)))
        rng.shuffle(rows)
        stretch = self.batch_size * self.BATCHES_IN_STRETCH
        batches = []
        for start in range(0, len(rows), stretch):
            near = sorted(rows[start : start + stretch], key=self.lengths.__getitem__)
            batches += [near[i : i + self.batch_size] for i in range(0, len(near), self.batch_size)]
        # A short batch stays last, or it would shift the borders of all that follow.
        last = [batches.pop()] if len(batches[-1]) < self.batch_size else []
        rng.shuffle(batches)
        return iter([row for batch in batches + last for row in batch])


def fit(
    model: Any,
    train: Sequence[dict],
    validation: Sequence[dict],
    *,
    pad: int,
    work: Path,
    key: str,
    **arguments: Any,
) -> list[dict[str, Any]]:
    """Train in `work`, going on from the last checkpoint that was made with the same `key`.

    `arguments` are those of transformers' TrainingArguments. Returns the log: step, loss, eval_loss.
    """
    import torch
    from transformers import Trainer, TrainingArguments
    from transformers.trainer_utils import get_last_checkpoint

    folder = work / key
    folder.mkdir(parents=True, exist_ok=True)
    settings = TrainingArguments(
        output_dir=str(folder),
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=torch.cuda.is_available(),
        lr_scheduler_type="cosine",
        optim="adamw_torch",
        **arguments,
    )

    class LengthBucketTrainer(Trainer):
        def _get_train_sampler(self, train_dataset: Any = None) -> LengthBuckets:
            lengths = [len(row["input_ids"]) for row in train]
            return LengthBuckets(lengths, settings.per_device_train_batch_size, settings.seed)

    trainer = LengthBucketTrainer(
        model=model,
        args=settings,
        train_dataset=list(train),
        eval_dataset=list(validation) or None,
        data_collator=lambda rows: pad_batch(rows, pad),
    )
    last = get_last_checkpoint(str(folder))
    if last:
        log.info("going on from %s", last)
    trainer.train(resume_from_checkpoint=last)
    return trainer.state.log_history


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
) -> None:
    """Train one LoRA adapter; `output` then holds its weights, config and `manifest.json`.

    Args:
        rows: chat rows of the splits `train` and `validation`.
        output: adapter folder; it appears whole, by one rename. Of the checkpoints, made at each
            evaluation and at the end, one is kept, as `training.keep` says.
    """
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed

    torch.set_num_threads(threads)
    check_folder(model_folder, name)
    set_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(model_folder, local_files_only=True)
    renderer = ChatRenderer(tokenizer, prompting.system_prompt, prompting.date, name)
    encoded = {
        split: encode_rows(rows[split], renderer, training.max_length, training.loss)
        for split in rows
    }
    base = AutoModelForCausalLM.from_pretrained(
        model_folder,
        dtype=getattr(torch, training.precision),
        local_files_only=True,
        use_safetensors=True,
    )
    adapter = LoraConfig(
        r=training.rank,
        lora_alpha=training.alpha,
        lora_dropout=training.dropout,
        target_modules=list(training.modules),
        bias="none",
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(base, adapter)
    per_step = training.batch_size * training.accumulation
    steps = max(1, math.ceil(len(encoded["train"]) / per_step * training.epochs))
    every = max(1, math.ceil(steps / training.evaluations))
    weights = fingerprint(model_folder)
    data = digest(
        [[row["prompt_id"], row["messages"]] for split in sorted(rows) for row in rows[split]]
    )
    key = digest(
        weights, training.model_dump(exclude={"seeds"}), prompting.model_dump(), seed, data
    )[:24]
    history = fit(
        model,
        encoded["train"],
        encoded["validation"],
        pad=tokenizer.pad_token_id
        if tokenizer.pad_token_id is not None
        else tokenizer.eos_token_id,
        work=work,
        key=key,
        max_steps=steps,
        per_device_train_batch_size=training.batch_size,
        per_device_eval_batch_size=training.batch_size,
        gradient_accumulation_steps=training.accumulation,
        learning_rate=training.learning_rate,
        warmup_steps=math.ceil(training.warmup_share * steps),
        weight_decay=training.weight_decay,
        bf16=training.precision == "bfloat16",
        seed=seed,
        logging_steps=max(1, every // 4),
        eval_strategy="steps",
        eval_steps=every,
        eval_on_start=True,
        save_strategy="steps",
        save_steps=every,
    )
    curve = _curve(history)
    _check_first_loss(curve, len(tokenizer), name)
    kept = kept_evaluation(curve, training.keep)
    manifest = {
        "base_model": name,
        "base_weights": weights,
        "training": training.model_dump(exclude={"seeds"}),
        "prompting": prompting.model_dump(),
        "template": renderer.template_hash,
        "seed": seed,
        "rows": {split: len(encoded[split]) for split in encoded},
        "steps": steps,
        "kept_step": kept["step"],
        "kept_eval_loss": kept["loss"],
        "curve": curve,
        "git_commit": git_commit(),
    }
    _export(work / key / f"checkpoint-{kept['step']}", manifest, output)
    _check_adapter_acts(model.unload(), output, encoded["validation"][0], name)
    shutil.rmtree(work / key)


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
    # A run that diverged for a while has evaluations without a number; none of them is the lowest.
    return min(evaluations, key=lambda p: (math.isnan(p["loss"]), p["loss"], p["step"]))


def _curve(history: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    # A run that goes on from a checkpoint evaluates it once more.
    losses = {
        (entry["step"], kind): float(entry[field])
        for entry in history
        for field, kind in (("loss", "train"), ("eval_loss", "eval"))
        if field in entry
    }
    return [{"step": step, "kind": kind, "loss": loss} for (step, kind), loss in losses.items()]


def _check_first_loss(curve: Sequence[Mapping[str, Any]], vocabulary: int, name: str) -> None:
    first = next(point["loss"] for point in curve if point["kind"] == "eval")
    limit = SANE_SHARE_OF_CHANCE * math.log(vocabulary)
    if not first < limit:
        raise UserError(
            what=f"before training the loss on answers is {first:.2f} nats per token",
            where=f"target '{name}'",
            expected=f"less than {limit:.2f}, {SANE_SHARE_OF_CHANCE} of chance for {vocabulary} tokens",
            remedy="check that the target is a pretrained chat model and that its template is its own",
        )


def _export(checkpoint: Path, manifest: Mapping[str, Any], output: Path) -> None:
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
    shutil.rmtree(output, ignore_errors=True)
    partial.rename(output)


def _check_adapter_acts(base: Any, folder: Path, row: Mapping[str, Any], name: str) -> None:
    """Load the exported adapter on the base and see that it changes the logits."""
    import torch
    from peft import PeftModel

    ids = torch.tensor([row["input_ids"]], device=base.device)
    model = PeftModel.from_pretrained(base, folder)
    model.eval()
    with torch.inference_mode():
        tuned = model(input_ids=ids).logits
        with model.disable_adapter():
            untuned = model(input_ids=ids).logits
    if torch.equal(tuned, untuned) or not torch.isfinite(tuned).all():
        shutil.rmtree(folder)
        raise UserError(
            what="the trained adapter does not change what the model says, or makes it say nothing",
            where=f"target '{name}'",
            expected="finite logits that differ from the untuned model's",
            remedy="look at the loss in the log; a learning rate of 0 or a much too high one does this",
        )
