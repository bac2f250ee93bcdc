"""Progress of a running Snakemake in one line, with the time left by the plan's estimates."""

from __future__ import annotations

import html
import json
from collections import Counter
from collections.abc import Mapping, Sequence
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
    _running: dict[int, tuple[float, float, str]] = field(default_factory=dict)

    def expect(self, jobs: Mapping[str, int]) -> None:
        """Note how many jobs of each rule are going to run."""
        counts = Counter(jobs)
        self.total = counts.total()
        self._work = sum(self._seconds(rule) * number for rule, number in counts.items())

    def start(self, job: int, rule: str, message: str, now: float) -> None:
        """Note that a job starts."""
        self._running[job] = (self._seconds(rule), now, message)
        self.message = message

    def finish(self, job: int) -> None:
        """Note that a job is done."""
        seconds, *_ = self._running.pop(job, (0.0, 0.0, ""))
        self._worked += seconds
        self.done += 1

    def left(self, now: float) -> float | None:
        """Seconds left; None as long as nothing is known."""
        if not self._work or not (self.estimates.seconds or self.done):
            return None
        worked = self._worked + sum(
            min(now - begun, _ALMOST * seconds) for seconds, begun, _ in self._running.values()
        )
        planned = worked / self.estimates.at_a_time
        pace = (now - self.begun + _PATIENCE) / (planned + _PATIENCE)
        if not self.estimates.seconds:
            pace = (now - self.begun) / max(planned, 1e-9)
        return max(0.0, self._work - worked) / self.estimates.at_a_time * pace

    @property
    def running(self) -> list[str]:
        """Messages of the jobs that run."""
        return [message for *_, message in self._running.values()]

    def counts(self, now: float) -> str:
        """Jobs that are done, and the time left while there are others."""
        left = self.left(now) if self.done < self.total else None
        time_left = f", {rough_time(left)} left" if left is not None else ""
        return f"{self.done} of {self.total} jobs done{time_left}"

    def line(self, now: float, width: int = 100) -> str:
        """The progress as one line.

        Args:
            width: most characters.
        """
        line = self.counts(now)
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


def status_page(progress: RunProgress, now: float, trouble: Sequence[str] = ()) -> str:
    """The progress as a page that loads itself again every few seconds until the run has ended.

    Args:
        trouble: errors of the run; it then has ended, or will.
    """
    share = 100 * progress.done / progress.total if progress.total else 0
    ended = progress.done == progress.total
    state = "has failed" if trouble else "has finished" if ended else "is running"
    refresh = "" if ended else '<meta http-equiv="refresh" content="5">'
    running = [html.escape(message) for message in progress.running if message]
    lines = "".join(f"<li>{message}</li>" for message in running)
    errors = "".join(f"<pre>{html.escape(each)}</pre>" for each in trouble)
    counts = html.escape(progress.counts(now))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8">{refresh}<title>The run {state}: {counts}</title>'
        "<style>:root{color-scheme:light dark}body{font:1rem/1.5 system-ui;max-width:45rem;margin:2rem auto;"
        "padding:0 1rem}progress{width:100%}pre{white-space:pre-wrap}</style>"
        f'<h1>The run {state}</h1><progress max="100" value="{share:.1f}">{share:.0f} %</progress>'
        f"<p>{counts}</p>{errors}<h2>Running</h2><ul>{lines or '<li>nothing</li>'}</ul></html>\n"
    )
