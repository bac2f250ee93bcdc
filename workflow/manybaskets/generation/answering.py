"""Answer a prompt set row by row, with resume through the journal."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.chat import Prompt, prompts_of, split_reasoning
from manybaskets.config.engines import Quality
from manybaskets.config.sampling import Sampling
from manybaskets.engines.base import Completion, Engine, LocalEngine, Request
from manybaskets.errors import PassingError, UserError
from manybaskets.generation.quality import fault, write_quarantine
from manybaskets.jobs.journal import Journal
from manybaskets.jobs.progress import Progress
from manybaskets.jobs.provenance import git_commit
from manybaskets.jobs.usage import Meter
from manybaskets.records.ids import digest, row_seed
from manybaskets.records.responses import (
    RESPONSES,
    check_responses,
    turns_of,
    write_responses,
)

log = logging.getLogger(__name__)
AnswerKey = tuple[str, int]
ONLY_REASONING = "only reasoning, no answer"


def fixed_batches(requests: Sequence[Request], batch_size: int) -> list[list[Request]]:
    """Batches by prompt length. Their composition depends only on the whole list, never on what is
    already finished, so on one machine a row has the same bytes however often the job resumes.
    """
    ordered = sorted(requests, key=lambda r: (len(r.ids), r.prompt_id, r.sample))
    return [ordered[i : i + batch_size] for i in range(0, len(ordered), batch_size)]


@dataclass
class AnswerSettings:
    """How prompts are answered; shared by all turns and attempts of a set.

    Args:
        who: source or run that answers; part of every row's seed and of the file's metadata.
        batch_size: prompts per batch of an engine with fixed batches.
        quality: conditions for accepting an answer; null accepts every answer, as required for
            responses of a run that will be measured.
        quarantine: file for rejected answers.
        usage: file for tokens, seconds and memory.
        work: folder of the journal; finished rows there are reused if their settings are the same.
    """

    who: str
    sampling: Sampling
    batch_size: int
    max_prompt_tokens: int
    max_error_share: float
    study_seed: int
    work: Path
    samples: int = 1
    quality: Quality | None = None
    quarantine: Path | None = None
    usage: Path | None = None

    @property
    def attempts(self) -> int:
        """Attempts per answer."""
        return 1 + (self.quality.retries if self.quality else 0)


def answer_prompts(
    prompts: pl.DataFrame, engine: Engine, settings: AnswerSettings, output: Path
) -> pl.DataFrame:
    """Answer every prompt turn by turn, and write checked responses.

    Args:
        prompts: columns of `records.PROMPTS`.

    Returns:
        The responses that were written.

    Raises:
        UserError: more rows failed than the settings allow, or the engine cannot continue.
    """
    identity = {
        **engine.identity,
        "who": settings.who,
        "sampling": settings.sampling.model_dump(),
        "study_seed": settings.study_seed,
        "max_prompt_tokens": settings.max_prompt_tokens,
    }
    with (
        Journal(settings.work, identity) as journal,
        Meter(journal.path, len(journal.rows), engine.gpus) as meter,
    ):
        engine.recall(journal.rows.values())
        work = _Work(engine, settings, journal, meter)
        asked = prompts_of(prompts)
        for turn in range(max(prompt.turns for prompt in asked)):
            work.answer_turn([prompt for prompt in asked if prompt.turns > turn], turn)
    frame = pl.DataFrame(list(work.rows()), schema=RESPONSES)
    check_responses(frame, turns_of(prompts), str(output), settings.samples, 1.0)
    _check_failures(work, settings)
    if settings.quarantine:
        write_quarantine(work.refused.values(), settings.quarantine)
    metadata = identity | {
        "samples": settings.samples,
        "shortened_prompts": work.shortened,
        "answers_with_reasoning": sum(bool(row.get("reasoned")) for row in work.finished.values()),
        "served": sorted(work.served),
        "git_commit": git_commit(),
    }
    if isinstance(engine, LocalEngine):  # the tokenizer of a server is unknown
        metadata["prompts_with_control_text"] = len(work.control_text)
    write_responses(list(work.rows()), output, metadata)
    if settings.usage:
        meter.write(settings.usage)
    return frame


@dataclass(frozen=True)
class Filling:
    """Rows of requests: from the journal if finished, otherwise from the engine.

    Args:
        form: JSON schema for the answers, if the engine can enforce one.
    """

    engine: Engine
    sampling: Sampling
    batch_size: int
    journal: Journal
    meter: Meter
    form: Mapping[str, Any] | None = None

    def fill(self, requests: Sequence[Request]) -> dict[AnswerKey, dict[str, Any]]:
        """Rows of all requests, by prompt and sample."""
        progress = Progress(len(requests), "rows")
        batches = [list(requests)]
        if self.engine.fixed_batches:
            batches = fixed_batches(requests, self.batch_size)
        rows = {}
        for batch in batches:
            company = digest([_content(r) for r in batch]) if self.engine.fixed_batches else None
            keys = {(r.prompt_id, r.sample): digest(_content(r), company)[:32] for r in batch}
            todo = [r for r in batch if keys[r.prompt_id, r.sample] not in self.journal]
            # A half-finished batch is generated again as a whole, so that its rows stay in the same
            # batch.
            again = batch if todo and self.engine.fixed_batches else todo
            progress.add(len(batch) - len(again))
            if again:
                rows |= self._generate(again, keys, progress)
            for key, name in keys.items():
                rows.setdefault(key, self.journal.rows.get(name))
        return rows

    def _generate(
        self, requests: Sequence[Request], keys: Mapping[AnswerKey, str], progress: Progress
    ) -> dict[AnswerKey, dict[str, Any]]:
        rows = {}
        if isinstance(self.engine, LocalEngine):
            self.engine.load()  # only if there is something to generate; not counted as generation time
        form = {"form": self.form} if self.form and self.engine.takes_form else {}
        with self.meter.running():
            for request, completion in self.engine.generate(requests, self.sampling, **form):
                key = (request.prompt_id, request.sample)
                row = {"key": keys[key], **_row(request, completion)}
                if completion.finish_reason == "error":
                    rows[key] = row  # not saved: the next run asks again
                else:
                    self.journal.append([row])
                    self.meter.add(row)
                progress.add(1)
        return rows


class _Work:
    """State of one prompt set: the turns so far of every conversation."""

    def __init__(
        self, engine: Engine, settings: AnswerSettings, journal: Journal, meter: Meter
    ) -> None:
        self.engine, self.settings = engine, settings
        self.filling = Filling(engine, settings.sampling, settings.batch_size, journal, meter)
        self.said: dict[AnswerKey, list[str]] = {}
        self.finished: dict[tuple[str, int, int], dict[str, Any]] = {}
        self.refused: dict[tuple[str, int, int], dict[str, Any]] = {}
        self.shortened = 0
        self.control_text: set[str] = set()  # ids of prompts that spell a control token
        self.served: set[str] = set()

    def rows(self) -> Iterator[dict[str, Any]]:
        """The responses, with the columns of `RESPONSES`."""
        for row in self.finished.values():
            yield {name: row[name] for name in RESPONSES}

    def answer_turn(self, prompts: Sequence[Prompt], turn: int) -> None:
        """Ask all conversations their next question; ask again if an answer is rejected."""
        pending = {}
        for prompt in prompts:
            for sample in range(self.settings.samples):
                key = (prompt.prompt_id, sample)
                if len(self.said.get(key, [])) < turn:
                    self._lose(key, turn, "an earlier turn has no answer")
                else:
                    pending[key] = self._request(prompt, sample, turn)
        self.shortened += sum(rendered.shortened for _, rendered in pending.values())
        log.info("turn %d: %d questions, %d shortened to fit", turn, len(pending), self.shortened)
        requests = {key: request for key, (request, _) in pending.items()}
        texts = {prompt.prompt_id: prompt for prompt in prompts}
        for attempt in range(1, self.settings.attempts + 1):
            requests = {
                key: self._again(request, attempt) if attempt > 1 else request
                for key, request in requests.items()
            }
            rows = self.filling.fill(list(requests.values()))
            requests = {
                key: request
                for key, request in requests.items()
                if not self._take(rows[key], texts[key[0]], turn)
            }
            if not requests:
                break
            log.info("rejected %d answers in attempt %d", len(requests), attempt)

    def _request(self, prompt: Prompt, sample: int, turn: int):
        said = self.said.get((prompt.prompt_id, sample), [])
        rendered = self.engine.render(prompt, said[:turn], self.settings.max_prompt_tokens)
        if isinstance(self.engine, LocalEngine):
            asked = (text for role, text in rendered.messages if role == "user")
            if self.engine.renderer.holds_control(*asked):
                self.control_text.add(prompt.prompt_id)
        request = Request(
            prompt.prompt_id,
            sample,
            turn,
            1,
            self._seed(prompt.prompt_id, sample, turn, 1),
            rendered.messages,
            rendered.ids,
        )
        return request, rendered

    def _seed(self, prompt_id: str, sample: int, turn: int, attempt: int) -> int:
        seed_key = [self.settings.study_seed, prompt_id, self.settings.who, sample]
        # The first attempt of a first turn has the documented seed: study, prompt, source, sample.
        return row_seed(*seed_key, *([turn, attempt] if turn or attempt > 1 else []))

    def _again(self, request: Request, attempt: int) -> Request:
        seed = self._seed(request.prompt_id, request.sample, request.turn, attempt)
        return Request(**{**vars(request), "attempt": attempt, "seed": seed})

    def _take(self, row: dict[str, Any], prompt: Prompt, turn: int) -> bool:
        """Accept or quarantine an answer. Returns false if it should be asked for again."""
        key = (row["prompt_id"], row["sample"])
        place = (*key, turn)
        if row["served"]:
            self.served.add(row["served"])
        reason = None
        if self.settings.quality and row["finish_reason"] != "error":
            reason = fault(
                row["text"], [prompt.text(), *prompt.follow_ups][turn], self.settings.quality
            )
        elif self.settings.quality and row["error"] == ONLY_REASONING:
            reason = ONLY_REASONING
        if reason:
            self.refused[place] = row | {"reason": reason, "text": row["text"] or ""}
            failed = {"text": None, "finish_reason": "error", "error": f"not taken: {reason}"}
            self.finished[place] = row | failed
            return False
        self.refused.pop(place, None)
        self.finished[place] = row
        if row["text"] is not None:
            self.said.setdefault(key, []).append(row["text"])
        return True

    def _lose(self, key: AnswerKey, turn: int, error: str) -> None:
        nothing = dict.fromkeys(RESPONSES)
        own = {"prompt_id": key[0], "sample": key[1], "turn": turn, "attempts": 0}
        self.finished[*key, turn] = nothing | own | {"finish_reason": "error", "error": error}


def _content(request: Request) -> list[Any]:
    """Everything that determines one answer in addition to the journal's settings."""
    asked = request.ids or request.messages
    return [request.prompt_id, request.sample, request.turn, request.attempt, request.seed, asked]


def _row(request: Request, completion: Completion) -> dict[str, Any]:
    """A response; reasoning before the answer is removed, because it is never trained on or measured."""
    counted = completion.prompt_tokens
    reasoning, text = split_reasoning(completion.text or "")
    finish_reason, error = completion.finish_reason, completion.error
    if reasoning and not text.strip():
        finish_reason, error = "error", ONLY_REASONING
    answered = completion.text is not None and finish_reason != "error"
    return {
        "prompt_id": request.prompt_id,
        "sample": request.sample,
        "turn": request.turn,
        "text": text if answered else None,
        "finish_reason": finish_reason,
        "prompt_tokens": counted if counted is not None else len(request.ids) or None,
        "completion_tokens": completion.completion_tokens,
        "attempts": request.attempt,
        "error": error,
        "served": completion.served,
        **({"reasoned": True} if reasoning else {}),
    }


def _check_failures(work: _Work, settings: AnswerSettings) -> None:
    """Raise if more rows failed than the settings allow; finished rows stay in the journal."""
    total = len(work.finished)
    failed = [row for row in work.finished.values() if row["finish_reason"] == "error"]
    refused = [row for row in failed if (row["error"] or "").startswith("not taken")]
    broken = len(failed) - len(refused)
    if broken > settings.max_error_share * total:
        raise _too_many(broken, total, failed, settings.who, settings.max_error_share, "max_error_share",
                        "fix the cause and rerun the same command: finished rows are kept",
                        PassingError)  # fmt: skip
    if settings.quality and len(refused) > settings.quality.max_failed_share * total:
        samples = "".join(
            f"\n    {row['prompt_id']}: {row['reason']}: {row['text'][:80]!r}"
            for row in list(work.refused.values())[:3]
        )
        raise _too_many(len(refused), total, refused, settings.who, settings.quality.max_failed_share,
                        "quality.max_failed_share", "check the answers below against `quality` in "
                        f"the config; finished rows are kept:{samples}")  # fmt: skip


def _too_many(count, total, rows, who, share, key, remedy, kind=UserError) -> UserError:
    reasons = dict(Counter(row["error"] for row in rows).most_common(3))
    return kind(
        what=f"{count} of {total} rows failed: {reasons}",
        where=who,
        expected=f"at most a share of {share} failed rows (`{key}`)",
        remedy=remedy,
    )
