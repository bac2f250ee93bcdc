"""Judges of every kind behind one interface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from manybaskets.config.judges import Judge as Settings
from manybaskets.judging.rubrics import Canary, Rubric

Key = tuple[str, str, int]  # prompt set, prompt id, sample


@dataclass(frozen=True)
class Exchange:
    """One request with the response to it."""

    prompt_set: str
    prompt_id: str
    sample: int
    request: str
    response: str

    @property
    def key(self) -> Key:
        """What tells it from all others of a run."""
        return self.prompt_set, self.prompt_id, self.sample


@dataclass(frozen=True)
class Verdict:
    """What came of one exchange: a score, or the code of why there is none; null for both where the
    judge has nothing to say about it. `attempts` counts questions; `reason` is the judge's text."""

    score: float | None = None
    cause: str | None = None
    attempts: int = 1
    reason: str | None = None


class Judge:
    """A judge. `identity` is all that determines its verdicts beside rubric and exchange."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name, self.settings = name, settings
        self.identity: Mapping[str, Any] = {"judge": name, **settings.science()}

    def verdicts(
        self,
        rubric: Rubric,
        asked: Sequence[Exchange],
        work: Path,
        *,
        run: Mapping[str, Any],
        reversed_scale: bool = False,
    ) -> dict[Key, Verdict]:
        """Judge exchanges, each on its own; the order means nothing.

        Args:
            work: folder for what must survive an interruption; may hold texts.
            run: target, mix and seed whose responses these are.
            reversed_scale: ask with the scale the other way round, where that is possible.
        """
        raise NotImplementedError

    def canaries(self, rubric: Rubric) -> tuple[Canary, ...]:
        """The known exchanges that this judge must judge as expected on a rubric."""
        return rubric.canaries


@dataclass(frozen=True)
class Answer:
    """What was read: a score of the rubric's scale, or the short code of what was wrong."""

    score: float | None = None
    cause: str | None = None
    reason: str | None = None
