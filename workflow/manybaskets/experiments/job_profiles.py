"""Profiles of an experiment's jobs for plan and status: rows, tokens, models, journals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from manybaskets.config.sampling import Sampling
from manybaskets.config.study import Study

Wildcards = Mapping[str, str]


@dataclass(frozen=True)
class Work:
    """Input and output of one job; None if the number of rows is unknown.

    Args:
        rows: rows that it answers, trains on, scores or writes.
        tokens_in: tokens that a model reads.
        tokens_out: tokens that a model writes.
    """

    rows: float | None = 0.0
    tokens_in: float | None = 0.0
    tokens_out: float | None = 0.0

    @property
    def known(self) -> bool:
        """Whether the number of rows is known."""
        return self.rows is not None

    @property
    def tokens(self) -> float:
        """All tokens processed by the model; 0 if unknown."""
        return (self.tokens_in or 0.0) + (self.tokens_out or 0.0)

    def __add__(self, other: Work) -> Work:
        """The sum; unknown if either is unknown."""
        if not (self.known and other.known):
            return UNKNOWN_WORK
        return Work(
            self.rows + other.rows,
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
        )


UNKNOWN_WORK = Work(None, None, None)


@dataclass(frozen=True)
class Lengths:
    """Tokens per question and per answer of a source or run."""

    prompt: float
    answer: float


def prior_lengths(study: Study, sampling: Sampling | None = None) -> Lengths:
    """Default lengths before any answer exists: Dolly's prompts and the mean answers of four models
    to them, and those of the embedded world; earlier turns of a conversation count as prompt."""
    if study.embedded_world:
        prompt, answer = 43.0, 26.0
    elif study.dataset.fields.messages:
        prompt, answer = 900.0, 400.0
    else:
        prompt, answer = 133.0, 250.0
    limit = sampling.max_new_tokens if sampling else answer
    return Lengths(min(prompt, study.prompting.max_prompt_tokens), min(answer, limit))


@dataclass(frozen=True)
class StudyRows:
    """Rows of a study; None if the number is unknown.

    Args:
        train: training prompts in use, including validation; every source answers them.
        fit: the ones used for training.
        validation: the ones used to select a checkpoint.
        sets: rows of every prompt set that runs answer, `test` first.
        turns: questions per prompt; 1 except for conversations.
        basis: `counted`, `config` or `unknown`.
    """

    train: int | None
    fit: int | None
    validation: int | None
    sets: dict[str, int | None]
    turns: float
    basis: str


def _no_work(wildcards: Wildcards, rows: StudyRows) -> Work:
    return Work()


@dataclass(frozen=True)
class JobProfile:
    """A kind of job: its workload, and where its progress is written.

    The kind is the name of the rule. A rule without a profile counts as a second of light work.

    Args:
        work: rows and tokens of a job with these wildcards.
        task: what a model does, a key of the plan's tables of speeds: `answer` or `likelihood`;
            None for a job without a model.
        model: entry of `models` that a job runs; None: named by the wildcard `source`, `judge`,
            `target` or `model`.
        engine: settings of the job's engine; None: those of the source or judge named by the
            wildcards, if any.
        batch_size: prompts per batch of engines that do not batch themselves.
        seconds: for a job without a model: at its start, per row and per token.
        fetches: whether the network determines its time.
        asks: wildcard that names the source or judge, for the costs of a paid server.
        counts_rows: whether its outputs are made row by row, through the journals named by the
            experiment's files class.
    """

    work: Callable[[Wildcards, StudyRows], Work] = _no_work
    task: str | None = None
    model: Callable[[Wildcards], str | None] | None = None
    engine: Callable[[Wildcards], Any] | None = None
    batch_size: int = 1
    seconds: tuple[float, float, float] | None = None
    fetches: bool = False
    asks: str | None = None
    counts_rows: bool = False
