"""Progress of a running Snakemake in one line, with the time left by the plan's estimates."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_PATIENCE = 60.0  # seconds of planned work after which the measured pace counts as much as the plan
_ALMOST = 0.95  # largest share of a running job that counts as done


@dataclass(frozen=True)
class Estimates:
    """What the plan expects of a run.

    Args:
        seconds: mean duration of a rule's jobs, by rule.
        at_a_time: how many jobs run at a time, on average.
    """

    seconds: Mapping[str, float] = field(default_factory=dict)
    at_a_time: float = 1.0

    @classmethod
    def read(cls, plan: Path) -> Estimates:
        """The estimates in a `plan.json`."""
        made = json.loads(plan.read_text(encoding="utf-8"))
        work = sum(3600 * stage["job_hours"] for stage in made["stages"])
        return cls(made["job_seconds"], work / made["wall"] if made["wall"] else 1.0)


@dataclass
class RunProgress:
    """Jobs of a run: how many are done, which one started last, and the time left.

    Args:
        estimates: of the plan; without them every job counts as one of average length.
        begun: when the run began, in seconds of any clock.
    """

    estimates: Estimates
    begun: float
    total: int = 0
    done: int = 0
    message: str = ""
    _work: float = 0.0
    _worked: float = 0.0
    _running: dict[int, tuple[float, float]] = field(default_factory=dict)

    def expect(self, jobs: Mapping[str, int]) -> None:
        """Note how many jobs of each rule are going to run."""
        counts = Counter(jobs)
        self.total = counts.total()
        self._work = sum(self._seconds(rule) * number for rule, number in counts.items())

    def start(self, job: int, rule: str, message: str, now: float) -> None:
        """Note that a job starts."""
        self._running[job] = (self._seconds(rule), now)
        self.message = message

    def finish(self, job: int) -> None:
        """Note that a job is done."""
        seconds, _ = self._running.pop(job, (0.0, 0.0))
        self._worked += seconds
        self.done += 1

    def left(self, now: float) -> float | None:
        """Seconds left; None as long as nothing is known."""
        if not self._work or not (self.estimates.seconds or self.done):
            return None
        worked = self._worked + sum(
            min(now - begun, _ALMOST * seconds) for seconds, begun in self._running.values()
        )
        planned = worked / self.estimates.at_a_time
        pace = (now - self.begun + _PATIENCE) / (planned + _PATIENCE)
        if not self.estimates.seconds:
            pace = (now - self.begun) / max(planned, 1e-9)
        return max(0.0, self._work - worked) / self.estimates.at_a_time * pace

    def line(self, now: float, width: int = 100) -> str:
        """The progress as one line.

        Args:
            width: most characters.
        """
        left = self.left(now)
        time_left = f", {rough_time(left)} left" if left is not None else ""
        line = f"{self.done} of {self.total} jobs done{time_left}"
        text = f"{line}: {self.message}" if self.message else line
        return text if len(text) <= width else text[: max(0, width - 1)] + "…"

    def _seconds(self, rule: str) -> float:
        if not self.estimates.seconds:
            return 1.0
        return self.estimates.seconds.get(rule, 0.0)


def rough_time(seconds: float) -> str:
    """A time that is estimated: `less than a minute`, `8 min`, `3 h 20 min`."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
