"""The common interface of all judges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from manybaskets.config.judges import JudgeSettings
from manybaskets.judging.rubrics import Canary, Rubric

ResponseKey = tuple[str, str, int]  # prompt set, prompt id, sample


@dataclass(frozen=True)
class Exchange:
    """One request with its response."""

    prompt_set: str
    prompt_id: str
    sample: int
    request: str
    response: str

    @property
    def key(self) -> ResponseKey:
        """Key that is unique within a run."""
        return self.prompt_set, self.prompt_id, self.sample


@dataclass(frozen=True)
class Verdict:
    """Result of one exchange: a score, or a code for the cause of failure; both null if the judge
    does not rate it. `attempts` counts questions; `reason` is the judge's text."""

    score: float | None = None
    cause: str | None = None
    attempts: int = 1
    reason: str | None = None


class Judge:
    """A judge. `identity` is everything that determines its verdicts except rubric and exchange."""

    def __init__(self, name: str, settings: JudgeSettings) -> None:
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
    ) -> dict[ResponseKey, Verdict]:
        """Judge exchanges independently; their order has no effect.

        Args:
            work: folder for files that must survive an interruption; may contain texts.
            run: target, mix and seed of the responses.
            reversed_scale: ask with the scale reversed, if possible.
        """
        raise NotImplementedError

    def canaries(self, rubric: Rubric) -> tuple[Canary, ...]:
        """The canaries that this judge must score as expected on a rubric."""
        return rubric.canaries


@dataclass(frozen=True)
class Answer:
    """Parsed answer: a score on the rubric's scale, or a short code for the cause of failure."""

    score: float | None = None
    cause: str | None = None
    reason: str | None = None
