"""Judges that are models: asked row by row through the journal, with retries."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from manybaskets.config.engine_kinds import Opening
from manybaskets.config.judges import ModelJudge
from manybaskets.config.models import ModelPrompting
from manybaskets.engines.base import WITHHELD, Engine, LocalEngine, Request
from manybaskets.engines.factory import open_engine
from manybaskets.errors import PassingError
from manybaskets.generation.answering import Filling
from manybaskets.jobs.journal import Journal
from manybaskets.jobs.usage import Meter
from manybaskets.judging.base import Exchange, Judge, ResponseKey, Verdict
from manybaskets.judging.parsing import read_answer
from manybaskets.judging.question_encoder import QuestionEncoder
from manybaskets.judging.rubrics import Rubric
from manybaskets.records.ids import row_seed

log = logging.getLogger(__name__)


class ModelAsked(Judge):
    """A model behind an engine.

    Every attempt is a row of the journal. A greedy judge would give the same answer to the same
    question, so every retry adds the rubric's reminder once more.

    Args:
        folder: the model's folder; null for a server.
        date: for chat templates that print a date.
        precision: number format if the engine does not set one.
        seed: the study's seed.
        template_arguments: values for variables of its chat template.
    """

    def __init__(
        self,
        name: str,
        settings: ModelJudge,
        *,
        folder: Path | None,
        date: str,
        precision: str,
        seed: int,
        threads: int,
        gpus: int,
        share_of_cap: float,
        template_arguments: Mapping[str, Any],
    ) -> None:
        super().__init__(name, settings)
        self.settings: ModelJudge = settings
        self.seed = seed
        # The rubric has its own system text, and a question to a judge is never shortened.
        limit = settings.max_prompt_tokens
        prompting = ModelPrompting(
            system_prompt="",
            date=date,
            max_prompt_tokens=limit,
            long_prompts="stop",
            template_arguments=template_arguments,
        )
        opening = Opening(
            name=settings.model or name,
            folder=folder,
            prompting=prompting,
            sampling=settings.sampling,
            precision=precision,
            threads=threads,
            gpus=gpus,
            share_of_cap=share_of_cap,
        )
        self.engine: Engine = open_engine(settings.engine, opening)
        self.engine.discreet = True
        self.identity = {"judge": name, **settings.science(), **self.engine.identity}

    def verdicts(
        self,
        rubric: Rubric,
        exchanges: Sequence[Exchange],
        work: Path,
        *,
        run: Mapping[str, Any],
        reversed_scale: bool = False,
    ) -> dict[ResponseKey, Verdict]:
        """Ask about every exchange, at most 1 + `retries` times.

        Raises:
            UserError: the engine failed on more rows than the settings allow, or cannot continue.
                Finished rows are kept in the journal.
        """
        held = rubric.schema_of(self.settings.form) if self.settings.structured else None
        settings = {
            **self.engine.identity,
            "judge": self.name,
            "rubric": rubric.digest,
            "form": self.settings.form,
            "held_to": held if self.engine.takes_form else None,
            "sampling": self.settings.sampling.model_dump(),
            "reversed_scale": reversed_scale,
            "study_seed": self.seed,
        }
        with (
            Journal(work, settings) as journal,
            Meter(journal.path, len(journal.rows), self.engine.gpus) as meter,
        ):
            self.engine.recall(journal.rows.values())
            sampling, size = self.settings.sampling, self.settings.batch_size
            filling = Filling(self.engine, sampling, size, journal, meter, held)
            verdict_of = self._ask(
                rubric, exchanges, filling, _Writer(self, rubric, reversed_scale)
            )
        self._check_failures(rubric, verdict_of)
        return verdict_of

    def _ask(
        self, rubric: Rubric, exchanges: Sequence[Exchange], filling: Filling, writer: _Writer
    ) -> dict[ResponseKey, Verdict]:
        verdict_of: dict[ResponseKey, Verdict] = {}
        pending = {_name(each): each for each in exchanges}
        for attempt in range(1, self.settings.retries + 2):
            requests = {}
            for name, each in pending.items():
                request = writer.request(name, each, attempt)
                if request is None:
                    # A reminder may make a question too long.
                    verdict_of.setdefault(each.key, Verdict(cause="too_long", attempts=attempt - 1))
                else:
                    requests[name] = request
            rows = filling.fill(list(requests.values()))
            left = {}
            for (name, _), row in rows.items():
                each = pending[name]
                verdict_of[each.key] = verdict = self._verdict(row, rubric, attempt)
                if verdict.cause and row["finish_reason"] != "error":
                    left[name] = each
            if not left:
                break
            log.info("%d answers could not be parsed in attempt %d", len(left), attempt)
            pending = left
        return verdict_of

    def _verdict(self, row: Mapping[str, Any], rubric: Rubric, attempt: int) -> Verdict:
        if row["finish_reason"] == "error":
            cause = "withheld" if row["error"] == WITHHELD else "engine_error"
            return Verdict(cause=cause, attempts=attempt)
        cut = row["finish_reason"] == "length"
        answer = read_answer(row["text"], rubric, self.settings.form, cut)
        return Verdict(answer.score, answer.cause, attempt, answer.reason)

    def _check_failures(self, rubric: Rubric, verdict_of: Mapping[ResponseKey, Verdict]) -> None:
        failed = sum(verdict.cause == "engine_error" for verdict in verdict_of.values())
        if failed > self.settings.max_error_share * len(verdict_of):
            raise PassingError(
                what=f"the engine failed on {failed} of {len(verdict_of)} rows",
                where=f"judge '{self.name}', rubric '{rubric.name}'",
                expected=f"at most a share of {self.settings.max_error_share} failed rows "
                "(`max_error_share`)",
                remedy="fix the server or the model and rerun the same command (finished rows are "
                "kept); if the server rejects such texts, raise `max_error_share`: these rows "
                "then count as not judged",
            )


class _Writer:
    """Questions of one rubric in the form of the judge's engine."""

    def __init__(self, judge: ModelAsked, rubric: Rubric, reversed_scale: bool) -> None:
        self.judge, self.rubric, self.reversed = judge, rubric, reversed_scale
        self.encoder = None
        engine = judge.engine
        if isinstance(engine, LocalEngine):
            self.window = engine.context
            form = judge.settings.form
            self.encoder = QuestionEncoder(engine.renderer, rubric, form, judge.name)

    def request(self, name: str, each: Exchange, attempt: int) -> Request | None:
        """The question about an exchange, or null if it is too long."""
        judge, rubric = self.judge, self.rubric
        seed_key = [judge.seed, "judge", judge.name, rubric.name, name, each.sample, attempt]
        how = {"reversed_scale": self.reversed, "reminders": attempt - 1}
        if self.encoder:
            question, ids = self.encoder.encode(each.request, each.response, **how)
            if not self._fits(ids):
                return None
        else:
            question = rubric.question(each.request, each.response, judge.settings.form, **how)
            ids = ()
        system = rubric.system.strip()
        messages = ((("system", system),) if system else ()) + (("user", question),)
        return Request(name, each.sample, 0, attempt, row_seed(*seed_key), messages, ids)

    def _fits(self, ids: Sequence[int]) -> bool:
        return len(ids) <= longest_question(self.judge.settings, self.window)


def longest_question(settings: ModelJudge, window: int | None) -> int:
    """Longest question that a judge takes, in tokens.

    Args:
        window: maximum tokens of question plus judgement; null if unknown.
    """
    room = math.inf if window is None else window - settings.sampling.max_new_tokens
    return int(min(settings.max_prompt_tokens, room))


def _name(each: Exchange) -> str:
    # Prompt and sample identify a journal row; the prompt set makes the prompt id unique.
    return f"{each.prompt_set}/{each.prompt_id}/{each.sample}"
