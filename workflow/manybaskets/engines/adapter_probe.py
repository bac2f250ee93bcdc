"""Verify the active adapter by the log-probabilities of a fixed text.

An adapter that changes nothing, or acts like another adapter, would look like a result. Every
adapter is therefore distinguished by the log-probabilities of the same few tokens from the base
model and from adapters used before.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path

from manybaskets.errors import UserError

log = logging.getLogger(__name__)
QUESTION = "Who are you?"
TOKENS = 16  # length of the probe: no model's context is shorter
# Nats; smaller differences do not count as a change, even if a model is exactly reproducible.
_LEAST = 1e-6
_TIMES_NOISE = 10.0
BASE = "the base model"


class Probes:
    """Log-probabilities (nats) of a fixed text under a base model and under adapters on it.

    Args:
        name: name of the model in errors.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.tolerance = math.inf
        self.values: dict[str | None, Sequence[float]] = {}  # by fingerprint; None is the base
        self.folders: dict[str, Path] = {}  # by fingerprint

    def register(self, folder: Path, weights: str) -> None:
        """Record the folder of the weights with a fingerprint.

        Raises:
            UserError: another folder had the same weights.
        """
        known = self.folders.setdefault(weights, folder)
        if known.resolve() != folder.resolve():
            self._fail(
                f"two runs have the same adapter (weights {weights})",
                f"{known} and {folder}",
                "a different adapter for every run",
                "if an adapter was copied, delete it and train its run again; if two mixes "
                "contain the same rows, remove one of them",
            )

    def forget(self) -> None:
        """Drop all values: the model was reloaded, possibly with different arithmetic."""
        self.values, self.tolerance = {}, math.inf

    def note_base(self, first: Sequence[float], second: Sequence[float]) -> None:
        """Set the values of the base model, measured twice: their difference is noise."""
        self._require_numbers(first, BASE)
        self.values[None] = first
        self.tolerance = max(_TIMES_NOISE * _distance(first, second), _LEAST)

    def check(self, weights: str | None, values: Sequence[float]) -> None:
        """Check that these values come from the adapter with this fingerprint (None: the base).

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
                    f"the model acts like {self._called(nearest)}",
                    f"model '{self.name}', with {who}",
                    "the selected adapter to be active",
                    "set `responses.share_model_load: run`, and report this as a bug of the engine",
                )
            return
        for other, known in self.values.items():
            change = _distance(values, known)
            if change > self.tolerance:
                continue
            if other is None:
                self._fail(
                    f"the adapter has no effect: a fixed text changes by at most {change:.2g} nats",
                    who,
                    f"a difference from the base model of more than {self.tolerance:.2g} nats",
                    "check the run's training curve and train it again (zero weights cause this)",
                )
            self._fail(
                "two adapters with different weights act the same: a fixed text changes by at "
                f"most {change:.2g} nats",
                f"{who} and {self._called(other)}",
                f"a difference of more than {self.tolerance:.2g} nats between them",
                "set `responses.share_model_load: run`; if the error remains, train both again "
                "(one of them is not active)",
            )
        changes = {self._called(other): _distance(values, v) for other, v in self.values.items()}
        self.values[weights] = values
        nearest_named = min(changes, key=changes.__getitem__)
        log.info(
            "%s is active: a fixed text changes by up to %.3g nats, and by %.3g nats from the "
            "nearest, %s",
            who, changes[BASE], changes[nearest_named], nearest_named,
        )  # fmt: skip

    def _called(self, weights: str | None) -> str:
        return BASE if weights is None else f"adapter {self.folders[weights]}"

    def _require_numbers(self, values: Sequence[float], who: str) -> None:
        if not all(map(math.isfinite, values)):
            self._fail(
                "the model's log-probabilities are not finite",
                f"model '{self.name}', with {who}",
                "finite log-probabilities of a fixed text",
                "check the run's training curve and train it again (non-finite weights cause this)",
            )

    @staticmethod
    def _fail(what: str, where: str, expected: str, remedy: str) -> None:
        raise UserError(what=what, where=where, expected=expected, remedy=remedy)


def _distance(one: Sequence[float], other: Sequence[float]) -> float:
    return max(abs(a - b) for a, b in zip(one, other, strict=True))
