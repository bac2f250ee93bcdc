"""Disk space and money for a study's jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from manybaskets.config.engine_kinds import EngineSettings
from manybaskets.config.study import Study
from manybaskets.experiments import Work
from manybaskets.plan.graph import PlannedJob
from manybaskets.plan.speeds import Priors

# Bytes on disk, measured on embedded and published studies: per answer token and per row.
_ANSWERS, _JOURNAL, _MIXES = (2.0, 40.0), (5.0, 250.0), (6.0, 300.0)
_VECTOR = 2 * 384 * 4  # per distinct answer, in the result and in the work folder
# A LoRA adapter of rank 16 on all linear layers has 42 million weights on 8 billion and 207 on 71.
_ADAPTER_WEIGHTS, _ADAPTER_BASE, _ADAPTER_GROWTH, _ADAPTER_RANK = 42e6, 8.07e9, 0.737, 16
_BYTES_OF_ADAPTER_WEIGHT, _COPIES_IN_CHECKPOINT = (
    4.0,
    3,
)  # the optimiser stores two numbers per weight
_CHECKPOINTS_ON_DISK = 3
_EMBEDDED_ADAPTER_BYTES = 280_000
MODELS, ADAPTERS, ANSWERS, MIXES, REST = "models", "adapters", "answers", "mixes", "vectors, tables"
WORK = "work/: journals"
CHECKPOINTS = "work/: checkpoints"


class Disk:
    """Bytes written by jobs, by kind."""

    def __init__(self, study: Study, priors: Priors) -> None:
        self.study, self.priors = study, priors

    def __call__(self, job: PlannedJob, work: Work) -> dict[str, float]:
        """Bytes that a finished job leaves behind."""
        rows, out = work.rows or 0.0, work.tokens_out or 0.0
        kind = job.rule
        if kind in ("fetch_model", "convert_gguf", "pretrain"):
            return {MODELS: self.priors.weight_bytes(job.wildcards["model"])}
        if kind == "train":
            return {ADAPTERS: self.adapter_bytes(job.wildcards["target"])}
        if self.priors.leaves_answers(job):
            copies = 2 if kind == "generate" else 1  # a source's shards are joined into one file
            answers = copies * _bytes(_ANSWERS, out, rows)
            return {ANSWERS: answers, WORK: _bytes(_JOURNAL, out, rows)}
        if kind in ("mix", "source_card"):
            return {MIXES: _bytes(_MIXES, rows * 250.0, rows)}
        return {REST: rows * _VECTOR} if kind == "embed" else {}

    def adapter_bytes(self, target: str) -> float:
        """Bytes of a target's adapter at the study's rank."""
        size, rank = self.priors.sizes[target], self.study.training.rank / _ADAPTER_RANK
        if size is None:
            return rank * _EMBEDDED_ADAPTER_BYTES
        weights = _ADAPTER_WEIGHTS * rank * (size / _ADAPTER_BASE) ** _ADAPTER_GROWTH
        return weights * _BYTES_OF_ADAPTER_WEIGHT

    def checkpoint_bytes(self, jobs: Sequence[PlannedJob], at_a_time: int) -> float:
        """Bytes of checkpoints for this many concurrent trainings; deleted when a training ends."""
        each = [self.adapter_bytes(job.wildcards["target"]) for job in jobs if job.rule == "train"]
        largest = sorted(each, reverse=True)[:at_a_time]
        # On disk are the selected checkpoint, the last, and the next while it is written.
        return _COPIES_IN_CHECKPOINT * _CHECKPOINTS_ON_DISK * sum(largest)


def _bytes(per: tuple[float, float], tokens: float, rows: float) -> float:
    return per[0] * tokens + per[1] * rows


@dataclass(frozen=True)
class Bill:
    """Costs of requests over the network in USD, at config prices.

    Args:
        asked: name of the recipient, such as `judge olmo`.
        to_spend: for the jobs that would run; None if the number of rows is unknown.
        spent: for finished jobs, estimated if they recorded no tokens.
        cap: spending cap, or None.
    """

    asked: str
    tokens_in: float
    tokens_out: float
    to_spend: float | None
    spent: float
    cap: float | None


def bills(
    priors: Priors,
    jobs: Sequence[PlannedJob],
    works: Mapping[int, Work],
    usages: Mapping[int, Mapping[str, float]],
) -> list[Bill]:
    """Costs of everything asked over the network: sources, judges and others.

    Args:
        works: work of every job, by position.
        usages: usage recorded by finished jobs, by position.
    """
    engines: dict[str, EngineSettings] = {}
    of: dict[str, list[int]] = {}
    for index in works:
        engine, who = priors.engine_of(jobs[index]), priors.asked_in(jobs[index])
        if who and engine is not None and engine.price(0, 0) is not None:
            name = " ".join(who)
            engines[name] = engine
            of.setdefault(name, []).append(index)
    return [
        _bill(name, engines[name], indices, jobs, works, usages) for name, indices in of.items()
    ]


def _bill(
    who: str,
    engine: EngineSettings,
    indices: Sequence[int],
    jobs: Sequence[PlannedJob],
    works: Mapping[int, Work],
    usages: Mapping[int, Mapping[str, float]],
) -> Bill:
    coming = [works[index] for index in indices if jobs[index].run]
    tokens_in = sum(work.tokens_in or 0 for work in coming)
    tokens_out = sum(work.tokens_out or 0 for work in coming)
    spent = 0.0
    for index in indices:
        if index in usages:
            used = usages[index]
            spent += engine.price(used["prompt_tokens"], used["completion_tokens"])
        elif not jobs[index].run:
            spent += engine.price(works[index].tokens_in or 0, works[index].tokens_out or 0)
    all_known = all(work.known for work in coming)
    due = engine.price(tokens_in, tokens_out) if all_known else None
    return Bill(who, tokens_in, tokens_out, due, spent, engine.cap())
