"""Checkpoints by time between the evaluations, and what a resumed training needs in addition."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from manybaskets.records.writing import write_json
from manybaskets.training.checkpoints import curve_of, drop_checkpoints, mark_complete

_RUNNING = "running.json"


class TimedCheckpoints:
    """When a training saves a checkpoint, and the sums that transformers leaves out of one.

    transformers starts a new mean of the training loss when it resumes, and evaluates only at the end
    of a step. A checkpoint between two log entries therefore stores the sum of the losses since the
    last entry, and a checkpoint before a long evaluation stores that the evaluation is still due.

    Args:
        folder: of the training's checkpoints.
        minutes: longest time between two checkpoints; None for checkpoints at evaluations alone.
        keep: checkpoint to keep in addition to the last: `lowest` or `last`.
        agree: gives all processes the answer of the first one.
    """

    def __init__(
        self, folder: Path, minutes: float | None, keep: str, agree: Callable[[bool], bool]
    ) -> None:
        self.folder, self.keep, self._agree = folder, keep, agree
        self._seconds = None if minutes is None else 60 * minutes
        self._since = time.monotonic()
        self._evaluation_seconds = 0.0
        self._saved_step: int | None = None
        self._running: dict[str, Any] = {}
        self.evaluation_due = False

    def resume(self, checkpoint: str | None) -> None:
        """Read what a checkpoint stores beside transformers' own files."""
        path = Path(checkpoint or self.folder) / _RUNNING
        if checkpoint and path.exists():
            self._running = json.loads(path.read_text(encoding="utf-8"))
            self.evaluation_due = self._running["evaluation_due"]
            # How long an evaluation takes is not known in this process: save before the next one.
            self._evaluation_seconds = float("inf")

    def begin(self, trainer: Any) -> None:
        """Continue the sum of the training losses; called after transformers has set it to zero."""
        if self._running:
            trainer._tr_loss += self._running["loss_sum"]
            trainer._globalstep_last_logged = self._running["last_logged_step"]

    def due(self, *, evaluating: bool = False) -> bool:
        """Whether to save now; the same in all processes.

        Args:
            evaluating: an evaluation follows, during which nothing can be saved.
        """
        if self._seconds is None:
            return False
        ahead = self._evaluation_seconds if evaluating else 0.0
        return self._agree(time.monotonic() - self._since + ahead >= self._seconds)

    def evaluated(self, seconds: float) -> None:
        """Note how long an evaluation took."""
        self._evaluation_seconds, self.evaluation_due = seconds, False

    def save(self, trainer: Any, write: Callable[[], None]) -> None:
        """Save a checkpoint, mark it as complete and delete those that are no longer needed.

        Args:
            write: writes transformers' own files of the checkpoint.
        """
        step, first = trainer.state.global_step, trainer.args.should_save
        # A checkpoint that was saved before its evaluation is not written a second time: a kill
        # in between would leave none.
        if step != self._saved_step:
            write()
            loss_sum = trainer.accelerator.reduce(trainer._tr_loss.clone(), reduction="mean")
            if first:
                running = {
                    "loss_sum": float(loss_sum),
                    "last_logged_step": trainer._globalstep_last_logged,
                    "evaluation_due": bool(trainer.control.should_evaluate),
                }
                write_json(running, self.folder / f"checkpoint-{step}" / _RUNNING)
            trainer.accelerator.wait_for_everyone()
            if first:
                mark_complete(self.folder, step)
            self._saved_step, self._since = step, time.monotonic()
        if first:
            drop_checkpoints(self.folder, curve_of(trainer.state.log_history), self.keep)
