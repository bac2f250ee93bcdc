"""What the robustness experiment has to do: answers to its prompts, and questions to its judges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from manybaskets.config.participants import chosen_mixes
from manybaskets.config.robustness import RUBRICS
from manybaskets.config.study import Study
from manybaskets.experiments.robustness.exchanges import SETS_OF
from manybaskets.experiments.robustness.prompts import CONTROL, World, make_prompts
from manybaskets.judging.workload import CHARACTERS_PER_TOKEN, EMBEDDED_CHARACTERS, judge_calls
from manybaskets.names import VANILLA
from manybaskets.records.resources import resource

_TEMPLATE_TOKENS = 15.0  # of the chat template and the system turn


@dataclass(frozen=True)
class Asked:
    """A prompt set: its prompts, tokens of each, and tokens of the bare request in it."""

    prompts: int
    tokens: float
    request_tokens: float


class Attacks:
    """Rows and tokens of the jobs of a study that has the section `robustness`.

    Args:
        test: number of test prompts; None where nothing tells.
        prompt, answer: prior tokens of an ordinary prompt and of an answer.
    """

    def __init__(self, study: Study, test: int | None, prompt: float, answer: float) -> None:
        self.study, self.test, self.prompt, self.answer = study, test, prompt, answer

    @cached_property
    def sets(self) -> dict[str, Asked] | None:
        """The prompt sets, control among them; None where a file of the user's is not there."""
        own, study = self.study.robustness, self.study
        parts = (own.requests, own.templates, own.benign)
        files = [part.path for part in parts if part and part.kind == "file"]
        if self.test is None or not all(Path(file).is_file() for file in files):
            return None
        embedded = study.dataset.kind == "embedded"
        world = World(study.dataset.towns, study.seed) if embedded else None
        templates = resource("robustness/templates.jsonl")
        made = make_prompts(own.prompts(), {}, world, templates, study.seed)[0]
        per_token = EMBEDDED_CHARACTERS if embedded else CHARACTERS_PER_TOKEN
        found = {
            name: Asked(
                rows.height,
                _TEMPLATE_TOKENS + rows["instruction"].str.len_chars().mean() / per_token,
                rows["request"].str.len_chars().mean() / per_token,
            )
            for name, rows in made.items()
        }
        control = min(own.control_prompts, self.test)
        return found | {CONTROL: Asked(control, self.prompt, self.prompt)}

    def answers(self, wildcards: Mapping[str, str]) -> tuple[float, float, float] | None:
        """Rows, tokens in and tokens out of a job that answers; None where not known."""
        if self.sets is None:
            return None
        each = self._runs(wildcards) * self.study.robustness.responses.samples
        asked = [value for name, value in self.sets.items() if name != CONTROL]
        rows = each * sum(value.prompts for value in asked)
        read = each * sum(value.prompts * value.tokens for value in asked)
        return rows, read, rows * self._answer

    def judgements(
        self, wildcards: Mapping[str, str], canaries: bool
    ) -> tuple[float, float, float] | None:
        """Questions to a judge, or rows for a rule, with tokens in and out; None where not known.

        Args:
            canaries: whether the job is the judge's trial alone.
        """
        if self.sets is None:
            return None
        own, judge = self.study.robustness, wildcards["judge"]
        total = [0.0, 0.0, 0.0]
        for key in own.rubrics_of(judge):
            rows, read = (0.0, 0.0) if canaries else self._shown(key, self._runs(wildcards))
            (calls,) = judge_calls(
                self.study,
                [(judge, RUBRICS[key])],
                rows,
                read / rows if rows else 0.0,
                0.0 if canaries else self._answer,
                int(canaries),
            )
            total[0] += calls.calls or rows
            total[1] += calls.tokens_in
            total[2] += calls.tokens_out
        return total[0], total[1], total[2]

    @property
    def _answer(self) -> float:
        return min(self.answer, self.study.robustness.responses.sampling.max_new_tokens)

    def _shown(self, key: str, runs: int) -> tuple[float, float]:
        """Responses that a judge is shown on a rubric, and tokens of what was asked."""
        own = self.study.robustness
        rows = read = 0.0
        for name, asked in self.sets.items():
            if name in SETS_OF[key]:
                settings = self.study.responses if name == CONTROL else own.responses
                number = runs * asked.prompts * settings.samples
                rows += number
                bare = own.judge_input == "request"
                read += number * (asked.request_tokens if bare else asked.tokens)
        return rows, read

    def _runs(self, wildcards: Mapping[str, str]) -> int:
        """Runs that a job handles: one, or all of a target's that are tested."""
        if "seed" in wildcards:
            return 1
        mixes = [VANILLA, *chosen_mixes(self.study)]
        return sum(len(self.study.seeds_of(mix)) for mix in mixes)
