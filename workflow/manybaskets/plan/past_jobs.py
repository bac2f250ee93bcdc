"""Durations of the study's finished jobs, and correction of the priors by them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from manybaskets.experiments import Lengths, Work
from manybaskets.layout import Files
from manybaskets.plan.graph import PlannedJob
from manybaskets.plan.speeds import Priors, Seconds
from manybaskets.plan.work import WorkOf

PRIOR, NO_PRIOR = "prior", "no prior"


@dataclass
class _Ratio:
    """Ratio of measured to prior seconds."""

    jobs: int = 0
    setup: float = 0.0
    work: float = 0.0
    prior_setup: float = 0.0
    prior_work: float = 0.0

    def add(self, measured: Seconds, prior: Seconds) -> None:
        self.jobs += 1
        self.setup += measured.setup
        self.work += measured.work
        self.prior_setup += prior.setup
        self.prior_work += prior.work

    def applied(self, prior: Seconds) -> Seconds:
        return Seconds(
            prior.setup * _over(self.setup, self.prior_setup),
            prior.work * _over(self.work, self.prior_work),
        )

    @property
    def total(self) -> float:
        return _over(self.setup + self.work, self.prior_setup + self.prior_work)


def _over(measured: float, prior: float) -> float:
    return measured / prior if measured > 0 and prior > 0 else 1.0


class Speeds:
    """Seconds of any job: measured if similar jobs have run, otherwise the prior, corrected by the
    ratio for other jobs on such a device (cores, GPUs, network).

    Args:
        jobs: all jobs; jobs with a benchmark file are measured.
    """

    def __init__(
        self, priors: Priors, work: WorkOf, jobs: Sequence[PlannedJob], files: Files
    ) -> None:
        self.priors, self.work = priors, work
        self.taken: dict[int, float] = {}
        self._ratios: dict[tuple, _Ratio] = {}
        for index, job in enumerate(jobs):
            seconds = read_benchmark(files.root / job.benchmark) if job.benchmark else None
            if seconds is None:
                continue
            self.taken[index] = seconds
            done = work(job.rule, job.wildcards)
            if not done.known:
                continue
            prior = priors(job, done)
            usage = read_usage(job, files)
            measured = _split(seconds, prior, usage)
            for level in self._levels(job):
                self._ratios.setdefault(level, _Ratio()).add(measured, prior)

    def _levels(self, job: PlannedJob) -> list[tuple]:
        """Groups of similar jobs, the most similar first."""
        who = (
            self.priors.asked_in(job),
            *(job.wildcards.get(key) for key in ("source", "target", "model")),
        )
        device = self.priors.device_of(job)
        levels: list[tuple] = [(job.rule, who)]
        engine = self.priors.engine_of(job)
        if engine is not None:
            served = engine.remote_model()
            levels.append(("answer", engine.kind, served or self.priors.model_of(job)))
        return [*levels, (job.rule, device), (device,)]

    def __call__(self, job: PlannedJob, work: Work) -> tuple[Seconds, str]:
        """Seconds of a job, and their basis."""
        prior = self.priors(job, work)
        *near, device = self._levels(job)
        for level in near:
            ratio = self._ratios.get(level)
            if ratio:
                plural = "" if ratio.jobs == 1 else "s"
                return ratio.applied(prior), f"measured: {ratio.jobs} job{plural}"
        if not self.priors.knows(job):
            return prior, NO_PRIOR
        ratio = self._ratios.get(device)
        if ratio:
            factor = ratio.total
            return Seconds(prior.setup * factor, prior.work * factor), f"prior × {factor:.2g}"
        return prior, PRIOR


def _split(seconds: float, prior: Seconds, usage: dict[str, Any] | None) -> Seconds:
    """Measured seconds before and from the first token, as recorded or in the prior's proportions."""
    if usage and usage["jobs"] == 1 and 0 < usage["seconds"] <= seconds:
        return Seconds(seconds - usage["seconds"], usage["seconds"])
    return Seconds(seconds * prior.setup / prior.total, seconds * prior.work / prior.total)


def read_benchmark(path: Path) -> float | None:
    """Seconds of a job's last finished run; None without a readable benchmark."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        lines = path.read_text(encoding="utf-8").splitlines()
        return float(lines[-1].split("\t")[lines[0].split("\t").index("s")])
    return None


def read_usage(job: PlannedJob, files: Files) -> dict[str, Any] | None:
    """Rows, tokens and generation seconds recorded by a job, or None."""
    named = job.wildcards
    if job.rule == "pilot":
        path = files.sources.pilot_usage(named["source"])
    elif {"source", "shard", "shards"} <= named.keys():
        path = files.sources.shard_usage(named["source"], named["shard"], named["shards"])
    else:
        return None
    with contextlib.suppress(OSError, ValueError):
        usage = json.loads(path.read_text(encoding="utf-8"))
        return {"jobs": 1} | usage if usage.get("rows") else None
    return None


def lengths_of_sources(jobs: Sequence[PlannedJob], files: Files) -> dict[str, Lengths]:
    """Tokens per question and answer of every source with records: from its shards, or from its
    pilot without finished shards."""
    sums: dict[tuple[str, str], list[float]] = {}
    for job in jobs:
        if job.rule not in ("generate", "pilot"):
            continue
        usage = read_usage(job, files)
        if usage:
            total = sums.setdefault((job.wildcards["source"], job.rule), [0.0, 0.0, 0.0])
            for place, key in enumerate(("rows", "prompt_tokens", "completion_tokens")):
                total[place] += usage[key]
    found = {}
    for (source, kind), (rows, prompt, answer) in sums.items():
        if kind == "generate" or (source, "generate") not in sums:
            found[source] = Lengths(prompt / rows, answer / rows)
    return found
