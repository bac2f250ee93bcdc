"""Judges of every kind behind one interface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from manybaskets.config.judging import ClassifierJudge, LabelsJudge, ModelJudge, RuleJudge
from manybaskets.config.judging import Judge as Settings
from manybaskets.errors import UserError
from manybaskets.judging.rubrics import Canary, Rubric
from manybaskets.judging.rules import rule_of

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


class _Rule(Judge):
    """A function of the library."""

    def __init__(self, name: str, settings: RuleJudge) -> None:
        super().__init__(name, settings)
        self.rule = rule_of(settings.rule)

    def verdicts(self, rubric, asked, work, *, run, reversed_scale=False):
        _check_scale(self.name, f"rule '{self.rule.name}'", self.rule.rubric, rubric)
        found = {each.key: self.rule.score(each.request, each.response) for each in asked}
        return {key: Verdict(score) for key, score in found.items()}

    def canaries(self, rubric: Rubric) -> tuple[Canary, ...]:
        return rubric.canaries if self.rule.canaries is None else self.rule.canaries


def _check_scale(judge: str, who: str, wanted: str, rubric: Rubric) -> None:
    if rubric.name != wanted:
        raise UserError(
            what=f"{who} scores on the scale of rubric '{wanted}', and was asked for '{rubric.name}'",
            where=f"judges.{judge}",
            expected=f"rubric '{wanted}'",
            remedy="take this judge out of the list for that rubric, or name another one",
        )


def open_judge(
    name: str,
    settings: Settings,
    *,
    folder: Path | None = None,
    date: str = "",
    precision: str = "float32",
    seed: int = 0,
    threads: int = 1,
    gpus: int = 0,
    share_of_cap: float = 1.0,
) -> Judge:
    """Load, connect or look up a judge.

    Args:
        folder: folder of its model, where it has one of `models`.
        date: for chat templates that print one (`prompting.date`).
        precision: number format where the engine names none.
        seed: the study's; every judgement's own seed derives from it.
        gpus: GPUs of the job.
        share_of_cap: share of a server's spending cap that this job may use.
    """
    if isinstance(settings, RuleJudge):
        return _Rule(name, settings)
    if isinstance(settings, LabelsJudge):
        from manybaskets.judging.labels import Labels

        return Labels(name, settings)
    if isinstance(settings, ClassifierJudge):
        from manybaskets.judging.classifier import Classifier

        return Classifier(name, settings, folder, threads)
    assert isinstance(settings, ModelJudge)
    from manybaskets.judging.asking import ModelAsked

    return ModelAsked(
        name,
        settings,
        folder=folder,
        date=date,
        precision=precision,
        seed=seed,
        threads=threads,
        gpus=gpus,
        share_of_cap=share_of_cap,
    )
