"""The training loop: transformers' Trainer with our row order, validation loss and checkpoints."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from manybaskets.errors import UserError
from manybaskets.jobs.progress import Progress
from manybaskets.training.answer_loss import agrees, install
from manybaskets.training.encoded_rows import LengthBuckets, answer_tokens, filler_row, pad_batch
from manybaskets.training.memory import Passes, micro_batches
from manybaskets.training.timed_checkpoints import TimedCheckpoints

log = logging.getLogger(__name__)


def fit(
    model: Any,
    train: Sequence[dict],
    validation: Sequence[dict],
    *,
    pad: int,
    folder: Path,
    processes: int = 1,
    keep: str = "last",
    first_loss: float | None = None,
    passes: Passes | None = None,
    checkpoint_minutes: float | None = None,
    **arguments: Any,
) -> list[dict[str, Any]]:
    """Train in `folder`, resuming from its last checkpoint.

    Every process calls this with the same arguments. The last checkpoint (for resuming) and the
    currently selected checkpoint stay on disk.

    Args:
        pad: token id for padding.
        processes: number of processes that train together.
        keep: checkpoint to keep in addition to the last: `lowest` validation loss, or no other
            (`last`).
        first_loss: upper limit of the validation loss before the first step, in nats per token, at
            which training stops; None for no limit.
        passes: how a training of one process splits its batches; None for batches in one pass.
        checkpoint_minutes: longest time between two checkpoints, in minutes; None for checkpoints at
            evaluations alone.
        arguments: arguments of transformers' TrainingArguments.

    Returns:
        The log: entries with `step` and `loss`, `grad_norm`, `learning_rate`, or with `step` and
        `eval_loss`.

    Raises:
        UserError: a loss is NaN, or the first validation loss reaches its limit.
    """
    import torch
    from accelerate import PartialState
    from torch.distributed.fsdp import MixedPrecisionPolicy
    from transformers import Trainer, TrainerCallback, TrainingArguments
    from transformers.trainer_utils import get_last_checkpoint

    folder.mkdir(parents=True, exist_ok=True)
    last = get_last_checkpoint(str(folder))
    saving = TimedCheckpoints(folder, checkpoint_minutes, keep, _same_for_all)
    saving.resume(last)
    cuda = torch.cuda.is_available()
    settings = TrainingArguments(
        **{
            "output_dir": str(folder),
            "report_to": [],
            "disable_tqdm": True,
            "remove_unused_columns": False,
            "dataloader_pin_memory": cuda,
            "lr_scheduler_type": "cosine",
            "optim": "adamw_torch",
            # A NaN loss stops the run; it must not be averaged away in the log.
            "logging_nan_inf_filter": False,
            "use_cpu": not cuda,
            "ddp_backend": None if cuda or processes == 1 else "gloo",
            "ddp_find_unused_parameters": False,
            **arguments,
            **({"eval_on_start": False} if last else {}),
        }
    )
    if settings.world_size != processes:
        raise RuntimeError(f"{settings.world_size} processes train, but {processes} were requested")
    if settings.n_gpu > 1:
        # On a cluster that does not confine its jobs, a process sees GPUs of other jobs.
        settings._n_gpu = 1
    sharded = os.environ.get("ACCELERATE_USE_FSDP", "false") == "true"
    if sharded and not cuda:
        _let_cpus_shard()
    batch = settings.per_device_train_batch_size
    order = LengthBuckets(
        [len(row["input_ids"]) for row in train], batch, settings.seed, together=processes
    )

    # Processes that train together make their passes at the same time.
    split = passes if processes == 1 else None
    if _same_for_all(agrees(model, train, pad) if PartialState().is_main_process else None):
        install(model)

    class AnswerTrainer(Trainer):
        def _get_train_sampler(self, train_dataset: Any = None) -> LengthBuckets:
            return order

        def training_step(self, model: Any, inputs: Any, *rest: Any, **named: Any) -> Any:
            step = super().training_step
            losses = [step(model, each, *rest, **named) for each in _parts(inputs, split)]
            loss = sum(losses[1:], losses[0])
            if not torch.isfinite(loss):
                raise _no_number("training", float(loss), self.state.global_step + 1)
            return loss

        def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
            start, step = time.monotonic(), self.state.global_step
            if step > 0 and not saving.evaluation_due and saving.due(evaluating=True):
                self._save_checkpoint(self.model, None)
            loss = _validation_loss(self, validation)
            saving.evaluated(time.monotonic() - start)
            metrics = {"eval_loss": loss}
            self.log(dict(metrics))
            if not loss < float("inf"):
                raise _no_number("validation", loss, step)
            if step == 0 and first_loss is not None and not loss < first_loss:
                raise UserError(
                    what=f"the loss on answers before training is {loss:.2f} nats per token",
                    where="the validation rows under the untuned target",
                    expected=f"less than {first_loss:.2f} (`training.max_first_loss` times the "
                    "loss of guessing)",
                    remedy="check that the target is a pretrained chat model and that the chat "
                    "template belongs to it",
                )
            self.control = self.callback_handler.on_evaluate(
                self.args, self.state, self.control, metrics
            )
            return metrics

        def _save_checkpoint(self, model: Any, trial: Any) -> None:
            saving.save(self, lambda: super(AnswerTrainer, self)._save_checkpoint(model, trial))

        def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
            if not self.is_fsdp_enabled:
                super().save_model(output_dir, _internal_call)
                return
            # The Trainer would gather all model weights on one machine to save the adapter.
            whole = _gathered(self.model)
            if self.args.should_save:
                self.model.save_pretrained(output_dir or self.args.output_dir, state_dict=whole)

    class Keeping(TrainerCallback):
        def __init__(self) -> None:
            self.progress: Progress | None = None

        def on_train_begin(self, args: Any, state: Any, control: Any, **named: Any) -> None:
            # accelerate silently leaves a model unsharded if it finds no GPUs.
            weights = named["model"].parameters()
            if sharded and not any(hasattr(weight, "full_tensor") for weight in weights):
                raise RuntimeError("strategy fsdp was requested, but the model is not sharded")
            saving.begin(trainer)
            if saving.evaluation_due and state.global_step >= state.max_steps:
                trainer.evaluate()

        def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            # transformers does not reach the order of several processes that resume within a pass.
            order.set_epoch(int(state.epoch or 0))

        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            # Not earlier: the random numbers of the interrupted run are set just before.
            if saving.evaluation_due:
                trainer.evaluate()

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if saving.due():
                control.should_save = True
            if self.progress is None:
                self.progress = Progress(state.max_steps - state.global_step + 1, "steps")
            if state.is_world_process_zero:
                self.progress.add(1)

    rows = list(train)
    trainer = AnswerTrainer(
        model=model,
        args=settings,
        train_dataset=[*rows, filler_row(rows)] if order.fillers else rows,
        eval_dataset=list(validation) or None,
        data_collator=lambda batch_rows: pad_batch(batch_rows, pad),
        callbacks=[Keeping()],
    )
    if sharded and settings.bf16:
        # accelerate's own policy would round every loss and sum gradients in bfloat16.
        trainer.accelerator.state.fsdp_plugin.mixed_precision_policy = MixedPrecisionPolicy(
            param_dtype=torch.bfloat16, reduce_dtype=torch.float32
        )
    if last:
        log.info("resuming from %s", last)
    trainer.train(resume_from_checkpoint=last)
    return trainer.state.log_history


def _parts(inputs: dict[str, Any], passes: Passes | None) -> list[dict[str, Any]]:
    """A batch in its passes, each as wide as its longest row."""
    if passes is None:
        return [inputs]
    lengths = inputs["attention_mask"].sum(1).tolist()
    split = micro_batches(lengths, passes.tokens, passes.cost)
    if len(split) == 1:
        return [inputs]  # its rows keep their order, and with it their dropout
    return [
        {key: value[rows, : max(lengths[row] for row in rows)] for key, value in inputs.items()}
        for rows in split
    ]


def _same_for_all(answer: bool | None) -> bool:
    """What the first process found, in all processes: the others may hold no weights."""
    from accelerate.utils import broadcast_object_list

    return bool(broadcast_object_list([answer])[0])


def _validation_loss(trainer: Any, rows: Sequence[dict]) -> float:
    """Nats per learned token over all rows, independent of batch size and number of processes."""
    import torch
    from torch.utils.data import DataLoader

    size, processes = trainer.args.per_device_eval_batch_size, trainer.args.world_size
    rows = sorted(rows, key=lambda row: len(row["input_ids"]), reverse=True)  # little padding
    batches = [rows[start : start + size] for start in range(0, len(rows), size)]
    mine = batches[trainer.args.process_index :: processes]
    # With a sharded model all processes take part in every pass, even without a batch left.
    idle = [batches[0]] * (-(-len(batches) // processes) - len(mine))
    total = torch.zeros(2, dtype=torch.float64, device=trainer.args.device)
    trainer.model.eval()
    loader = DataLoader([*mine, *idle], batch_size=None, collate_fn=trainer.data_collator)
    with torch.no_grad():
        for number, inputs in enumerate(loader):
            count = answer_tokens(inputs)
            loss = trainer.model(**trainer._prepare_inputs(inputs)).loss
            if number < len(mine):
                total += torch.tensor([float(loss) * count, count]).to(total)
    summed = trainer.accelerator.reduce(total, reduction="sum")
    return float(summed[0] / summed[1])


def _let_cpus_shard() -> None:
    """accelerate shards only on accelerators, but torch can shard on CPUs; the tests use this."""
    from accelerate import PartialState
    from accelerate.utils import DistributedType

    PartialState._shared_state["distributed_type"] = DistributedType.MULTI_GPU


def _gathered(model: Any) -> dict[str, Any]:
    """All trained weights, unsharded, by name; all processes must call this."""
    whole = {}
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            full = weight.full_tensor() if hasattr(weight, "full_tensor") else weight
            plain = name.replace("_checkpoint_wrapped_module.", "")
            whole[plain] = full.detach().cpu()
    return whole


def _no_number(kind: str, loss: float, step: int) -> UserError:
    return UserError(
        what=f"the {kind} loss is {loss} at step {step}",
        where="training; earlier losses are in the log",
        expected="a finite loss",
        remedy="lower `training.learning_rate`, or check the mix for rows that are not text",
    )
