"""Open the judge described in the config."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from manybaskets.config.judges import (
    ClassifierJudge,
    JudgeSettings,
    LabelsJudge,
    ModelJudge,
    RuleJudge,
)
from manybaskets.errors import UserError
from manybaskets.judging.base import Exchange, Judge, Verdict
from manybaskets.judging.rubrics import Canary, Rubric
from manybaskets.judging.rule_registry import rule_of


class _Rule(Judge):
    """A function of the library."""

    def __init__(self, name: str, settings: RuleJudge) -> None:
        super().__init__(name, settings)
        self.rule = rule_of(settings.rule)

    def verdicts(self, rubric, asked, work, *, run, reversed_scale=False):
        _check_scale(self.name, f"rule '{self.rule.name}'", self.rule.rubric, rubric)
        return {each.key: self._verdict(each) for each in asked}

    def _verdict(self, exchange: Exchange) -> Verdict:
        if not self.rule.reads(exchange.response):
            return Verdict(cause="unknown_language")
        return Verdict(self.rule.score(exchange.request, exchange.response))

    def canaries(self, rubric: Rubric) -> tuple[Canary, ...]:
        return rubric.canaries if self.rule.canaries is None else self.rule.canaries


def _check_scale(judge: str, who: str, wanted: str, rubric: Rubric) -> None:
    if rubric.name != wanted:
        raise UserError(
            what=f"{who} scores on the scale of rubric '{wanted}', but was asked for "
            f"'{rubric.name}'",
            where=f"judges.{judge}",
            expected=f"rubric '{wanted}'",
            remedy="remove this judge from the list for that rubric, or use another judge there",
        )


def open_judge(
    name: str,
    settings: JudgeSettings,
    *,
    folder: Path | None = None,
    date: str = "",
    precision: str = "float32",
    seed: int = 0,
    threads: int = 1,
    gpus: int = 0,
    share_of_cap: float = 1.0,
    template_arguments: Mapping[str, Any] | None = None,
) -> Judge:
    """Load, connect or look up a judge.

    Args:
        folder: folder of its model, if it uses one of `models`.
        date: for chat templates that print a date (`prompting.date`).
        precision: number format if the engine does not set one.
        seed: the study's seed; every judgement's seed derives from it.
        gpus: GPUs of the job.
        share_of_cap: share of a server's spending cap that this job may use.
        template_arguments: values for variables of its model's chat template.
    """
    if isinstance(settings, RuleJudge):
        return _Rule(name, settings)
    if isinstance(settings, LabelsJudge):
        from manybaskets.judging.label_judge import Labels

        return Labels(name, settings)
    if isinstance(settings, ClassifierJudge):
        from manybaskets.judging.classifier_judge import Classifier

        return Classifier(name, settings, folder, threads, gpus=gpus)
    assert isinstance(settings, ModelJudge)
    from manybaskets.judging.model_judge import ModelAsked

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
        template_arguments=template_arguments or {},
    )
