"""Whether the adapter that should be at work is: what a model makes of a fixed text, by adapter.

An adapter that changes nothing, or that acts as another one does, looks like a result. So every
adapter is told by the log-probabilities of the same few tokens, from the base model and from those
that were at work before.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path

from manybaskets.errors import UserError

log = logging.getLogger(__name__)
QUESTION = "Who are you?"
TOKENS = 16  # of the probe: no model's context is shorter
# Nats; less is no change, even where a model repeats itself exactly.
_LEAST = 1e-6
_TIMES_NOISE = 10.0
BASE = "the base model"


class Probes:
    """Log-probabilities (nats) of a fixed text under a base model and under adapters on it.

    Args:
        name: how errors call the model.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.tolerance = math.inf
        self.values: dict[str | None, Sequence[float]] = {}  # by fingerprint; None is the base
        self.folders: dict[str, Path] = {}  # by fingerprint

    def register(self, folder: Path, weights: str) -> None:
        """Note which folder holds the weights with a fingerprint.

        Raises:
            UserError: another folder held the same weights.
        """
        known = self.folders.setdefault(weights, folder)
        if known.resolve() != folder.resolve():
            self._fail(
                f"two runs have the same adapter (weights {weights})",
                f"{known} and {folder}",
                "an adapter of its own for every run: no two runs train to the same weights",
                "if an adapter was copied, delete it and train its run again; if two mixes "
                "contain the same rows, remove one of them",
            )

    def forget(self) -> None:
        """Drop all values: the model was loaded anew, perhaps to run with other arithmetic."""
        self.values, self.tolerance = {}, math.inf

    def note_base(self, first: Sequence[float], second: Sequence[float]) -> None:
        """The values of the base model, twice: what differs between them is noise."""
        self._require_numbers(first, BASE)
        self.values[None] = first
        self.tolerance = max(_TIMES_NOISE * _distance(first, second), _LEAST)

    def check(self, weights: str | None, values: Sequence[float]) -> None:
        """See that these values come from the adapter with this fingerprint (None: from the base).

        Raises:
            UserError: the adapter acts as the base model or as another adapter does; it gives no
                numbers; what was seen before is no longer the nearest.
        """
        who = self._called(weights)
        self._require_numbers(values, who)
        if weights in self.values:
            nearest = min(self.values, key=lambda other: _distance(values, self.values[other]))
            if _distance(values, self.values[nearest]) < _distance(values, self.values[weights]):
                self._fail(
                    f"the model acts as with {self._called(nearest)}",
                    f"model '{self.name}', with {who}",
                    "the adapter that was chosen, at work",
                    "a fault of the engine: use `responses.share_model_load: run`, and tell its makers",
                )
            return
        for other, known in self.values.items():
            change = _distance(values, known)
            if change > self.tolerance:
                continue
            if other is None:
                self._fail(
                    f"the adapter does not act: a fixed text changes by {change:.2g} nats at most",
                    who,
                    f"more than {self.tolerance:.2g} nats of difference from the base model",
                    "an adapter with weights of zero does this: look at the run's training curve, "
                    "and train it again",
                )
            self._fail(
                "two adapters with different weights act the same: "
                f"a fixed text changes by {change:.2g} nats at most",
                f"{who} and {self._called(other)}",
                f"more than {self.tolerance:.2g} nats between them",
                "one of them is not at work: use `responses.share_model_load: run`, and if it stays so, "
                "train both again",
            )
        changes = {self._called(other): _distance(values, v) for other, v in self.values.items()}
        self.values[weights] = values
        nearest_named = min(changes, key=changes.__getitem__)
        log.info(
            "%s acts: a fixed text changes by up to %.3g nats, and from the nearest, %s, by %.3g",
            who, changes[BASE], nearest_named, changes[nearest_named],
        )  # fmt: skip

    def _called(self, weights: str | None) -> str:
        return BASE if weights is None else f"adapter {self.folders[weights]}"

    def _require_numbers(self, values: Sequence[float], who: str) -> None:
        if not all(map(math.isfinite, values)):
            self._fail(
                "the model gives no numbers",
                f"model '{self.name}', with {who}",
                "finite log-probabilities of a fixed text",
                "look at the run's training curve: weights that are not finite cause this",
            )

    @staticmethod
    def _fail(what: str, where: str, expected: str, remedy: str) -> None:
        raise UserError(what=what, where=where, expected=expected, remedy=remedy)


def _distance(one: Sequence[float], other: Sequence[float]) -> float:
    return max(abs(a - b) for a, b in zip(one, other, strict=True))
