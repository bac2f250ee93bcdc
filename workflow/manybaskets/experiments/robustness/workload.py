"""Workload of the robustness experiment: answers to its prompts, and questions to its judges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from manybaskets.config.participants import chosen_mixes
from manybaskets.config.study import Study
from manybaskets.experiments.job_profiles import (
    UNKNOWN_WORK,
    JobProfile,
    StudyRows,
    Wildcards,
    Work,
    prior_lengths,
)
from manybaskets.experiments.robustness.exchanges import sets_judged_on
from manybaskets.experiments.robustness.robustness_prompts import CONTROL, World, make_prompts
from manybaskets.judging.workload import (
    CHARACTERS_PER_TOKEN,
    EMBEDDED_CHARACTERS,
    Calls,
    judge_calls,
)
from manybaskets.names import TEST, VANILLA
from manybaskets.records.resources import resource

_TEMPLATE_TOKENS = 15.0  # of the chat template and the system turn


@dataclass(frozen=True)
class PromptSetSize:
    """A prompt set: its prompts, tokens of each, and tokens of the bare request in it."""

    prompts: int
    tokens: float
    request_tokens: float


def job_profiles(study: Study) -> dict[str, JobProfile]:
    """The experiment's jobs by kind, for a study with the section `robustness`."""
    settings, todo = study.robustness, RobustnessWork(study)
    return {
        "robustness_respond": JobProfile(
            work=todo.answers,
            task="answer",
            engine=lambda wildcards: study.responses.engine,
            batch_size=settings.responses.batch_size,
            counts_rows=True,
        ),
        "robustness_canaries": JobProfile(work=todo.trials, task="answer"),
        "robustness_judge": JobProfile(work=todo.judgements, task="answer"),
        "robustness_outcomes": JobProfile(seconds=(6.0, 0.0, 0.0)),
    }


class RobustnessWork:
    """Rows and tokens of the jobs of a study with the section `robustness`."""

    def __init__(self, study: Study) -> None:
        self.study, self.prior = study, prior_lengths(study)

    @cached_property
    def _made(self) -> dict[str, PromptSetSize] | None:
        """The prompt sets; None if a user's file does not exist."""
        settings, study = self.study.robustness, self.study
        inputs = (settings.requests, settings.templates, settings.benign)
        files = [given.path for given in inputs if given and given.kind == "file"]
        if not all(Path(file).is_file() for file in files):
            return None
        embedded = study.embedded_world
        world = World(study.dataset.towns, study.seed) if embedded else None
        templates = resource("robustness/templates.jsonl")
        frame = make_prompts(settings.prompts(), {}, world, templates, study.seed)[0]
        per_token = EMBEDDED_CHARACTERS if embedded else CHARACTERS_PER_TOKEN
        return {
            name: PromptSetSize(
                rows.height,
                _TEMPLATE_TOKENS + rows["instruction"].str.len_chars().mean() / per_token,
                rows["request"].str.len_chars().mean() / per_token,
            )
            for name, rows in frame.items()
        }

    def _sets(self, rows: StudyRows) -> dict[str, PromptSetSize] | None:
        """All prompt sets including control; None if their rows are unknown."""
        test = rows.sets[TEST]
        if test is None or self._made is None:
            return None
        control = min(self.study.robustness.control_prompts, test)
        return self._made | {CONTROL: PromptSetSize(control, self.prior.prompt, self.prior.prompt)}

    def answers(self, wildcards: Wildcards, rows: StudyRows) -> Work:
        """A job that answers."""
        if self._sets(rows) is None:
            return UNKNOWN_WORK
        each = self._runs(wildcards) * self.study.robustness.responses.samples
        answered = each * sum(prompt_set.prompts for prompt_set in self._made.values())
        read = each * sum(
            prompt_set.prompts * prompt_set.tokens for prompt_set in self._made.values()
        )
        return Work(answered, read, answered * self._answer)

    def judgements(self, wildcards: Wildcards, rows: StudyRows) -> Work:
        """Questions to a judge about runs, or rows for a rule."""
        sets = self._sets(rows)
        if sets is None:
            return UNKNOWN_WORK
        total = Work()
        for key in self.study.robustness.rubrics_of(wildcards["judge"]):
            exchanges, read = self._shown(sets, key, self._runs(wildcards))
            length = read / exchanges if exchanges else 0.0
            calls = self._calls(wildcards, key, exchanges, length, self._answer, trial=False)
            total += Work(calls.calls or exchanges, calls.tokens_in, calls.tokens_out)
        return total

    def trials(self, wildcards: Wildcards, rows: StudyRows) -> Work:
        """Questions to a judge about canaries."""
        if self._sets(rows) is None:
            return UNKNOWN_WORK
        total = Work()
        for key in self.study.robustness.rubrics_of(wildcards["judge"]):
            calls = self._calls(wildcards, key, 0.0, 0.0, 0.0, trial=True)
            total += Work(calls.calls, calls.tokens_in, calls.tokens_out)
        return total

    def _calls(self, wildcards: Wildcards, key: str, *lengths: float, trial: bool) -> Calls:
        pairs = [(wildcards["judge"], self.study.robustness.rubrics()[key])]
        (calls,) = judge_calls(self.study, pairs, *lengths, int(trial))
        return calls

    @property
    def _answer(self) -> float:
        return min(self.prior.answer, self.study.robustness.responses.sampling.max_new_tokens)

    def _shown(self, sets: Mapping[str, PromptSetSize], key: str, runs: int) -> tuple[float, float]:
        """Responses shown to a judge on a rubric, and tokens of the requests."""
        section = self.study.robustness
        rows = read = 0.0
        for name, prompt_set in sets.items():
            if name in sets_judged_on(key):
                settings = self.study.responses if name == CONTROL else section.responses
                number = runs * prompt_set.prompts * settings.samples
                rows += number
                bare = section.judge_input == "request"
                read += number * (prompt_set.request_tokens if bare else prompt_set.tokens)
        return rows, read

    def _runs(self, wildcards: Mapping[str, str]) -> int:
        """Runs handled by a job: one, or all tested runs of a target."""
        if "seed" in wildcards:
            return 1
        mixes = [VANILLA, *chosen_mixes(self.study)]
        return sum(len(self.study.seeds_of(mix)) for mix in mixes)
