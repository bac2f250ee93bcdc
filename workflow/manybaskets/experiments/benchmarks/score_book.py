"""Scores by result set, model and benchmark, with what they were measured with."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from manybaskets.errors import UserError
from manybaskets.experiments.benchmarks.settings import Benchmarks
from manybaskets.statistics.bootstrap import Mean, mean_of

# Settings that must agree between scores that are compared. The judge of a pointwise benchmark is one.
COMPARED = ("harness", "version", "task_hash", "few_shot", "chat_template", "limit", "judge")


@dataclass(frozen=True)
class Score:
    """A model's score on a benchmark.

    Attributes:
        value: on the benchmark's own scale.
        se: standard error; None if unknown.
        n: number of items; None if unknown.
        settings: values of `COMPARED`; None if unknown.
        file: where it was read.
        seeds: by training seed the score of every item by its id; empty if unknown.
    """

    value: float
    se: float | None
    n: int | None
    settings: Mapping[str, Any]
    file: str
    seeds: tuple[Mapping[str, float], ...] = ()

    @cached_property
    def items(self) -> dict[str, float]:
        """Mean score over seeds of every item that all seeds have; empty if unknown."""
        if not self.seeds:
            return {}
        shared = [key for key in self.seeds[0] if all(key in seed for seed in self.seeds)]
        return {key: sum(seed[key] for seed in self.seeds) / len(self.seeds) for key in shared}

    def mean(self, items: Sequence[str], model: str) -> Mean:
        """Mean over some items and all training seeds.

        Args:
            model: whose trainings the seeds are.
        """
        values = np.array([[seed[key] for key in items] for seed in self.seeds])
        return mean_of(values, np.ones(len(items)), (model,))


def over_seeds(scores: Sequence[Score]) -> Score:
    """The mean of scores that differ in the training seed; its items are known if all have them."""
    first = scores[0]
    if len(scores) == 1:
        return first
    value = sum(score.value for score in scores) / len(scores)
    known = all(score.seeds for score in scores)
    seeds = tuple(score.seeds[0] for score in scores) if known else ()
    return Score(value, None, first.n, first.settings, first.file, seeds)


class ScoreBook:
    """Scores of one result set by model and benchmark.

    Args:
        section: the config section.
        name: name of the result set.
    """

    def __init__(self, section: Benchmarks, name: str) -> None:
        self.section, self.name = section, name
        self.scores: dict[tuple[str, str], Score] = {}

    def add(self, model: str, benchmark: str, score: Score) -> None:
        """Add a score.

        Raises:
            UserError: it is not a number on the benchmark's scale, there is one already, or scores of
                this benchmark were measured with other settings.
        """
        where = f"{score.file}: {benchmark} of {model} (benchmarks.results.{self.name})"
        maximum = self.section.tasks[benchmark].maximum
        wrong = [each for each in (score.value, *score.items.values()) if not 0 <= each <= maximum]
        if wrong or not math.isfinite(score.value):
            raise UserError(
                what=f"the score {(wrong or [score.value])[0]:g} is not on the benchmark's scale",
                where=where,
                expected=f"0 to {maximum:g} (benchmarks.tasks.{benchmark}.maximum)",
                remedy="correct the file, or set `maximum` to the scale of these scores",
            )
        if score.se is not None and not 0 <= score.se < math.inf:
            raise UserError(
                what=f"the standard error {score.se:g} is not a number of at least 0",
                where=where,
                expected="the standard error of the score, on the same scale",
                remedy="correct the file, or remove the column from `se_columns`",
            )
        if (model, benchmark) in self.scores:
            raise UserError(
                what="there are two results for one model and benchmark",
                where=f"{where}, and {self.scores[model, benchmark].file}",
                expected="one result per model and benchmark in a result set",
                remedy="remove one of the files, or list it under another name in `benchmarks.results`",
            )
        for (other, task), earlier in self.scores.items():
            if task == benchmark:
                self._same_settings(score, earlier, where, other)
                break
        self.scores[model, benchmark] = score

    def _same_settings(self, score: Score, earlier: Score, where: str, other: str) -> None:
        different = different_settings(score.settings, earlier.settings)
        if different:
            raise UserError(
                what="scores of one benchmark were measured with different settings: "
                + differences_as_text(score.settings, earlier.settings, different),
                where=f"{where}; compared with {other} in {earlier.file}",
                expected="the same harness, version, task, examples, chat template and judge",
                remedy="list the files under two names in `benchmarks.results`; tables then keep them "
                "apart",
            )

    def get(self, model: str, benchmark: str) -> Score | None:
        """The score of a model on a benchmark; None if there is none."""
        return self.scores.get((model, benchmark))

    def models(self) -> list[str]:
        """Models with a score, in config order."""
        scored = {model for model, _ in self.scores}
        return [name for name in self.section.models if name in scored]

    def benchmarks(self, models: Iterable[str] | None = None) -> list[str]:
        """Benchmarks that any of these models has a score on, in config order."""
        chosen = set(self.models() if models is None else models)
        scored = {task for model, task in self.scores if model in chosen}
        return [name for name in self.section.tasks if name in scored]

    def settings_of(self, benchmark: str) -> Mapping[str, Any]:
        """What a benchmark was measured with, the same for all models."""
        return next(each.settings for (_, task), each in self.scores.items() if task == benchmark)


def different_settings(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Settings that differ; one that is unknown differs from one that is known."""
    return [key for key in COMPARED if one.get(key) != other.get(key)]


def differences_as_text(
    one: Mapping[str, Any], other: Mapping[str, Any], keys: Iterable[str]
) -> str:
    """Settings that differ with both values."""
    return "; ".join(f"{key} {_shown(one.get(key))} and {_shown(other.get(key))}" for key in keys)


def _shown(value: Any) -> str:
    return "unknown" if value is None else json.dumps(value, ensure_ascii=False)
