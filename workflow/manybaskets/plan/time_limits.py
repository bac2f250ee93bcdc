"""Time limits of jobs, from the plan's own estimates of how long they take."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property

from manybaskets.errors import UserError
from manybaskets.layout import Files
from manybaskets.plan.graph import PlannedJob
from manybaskets.plan.machine import Machine
from manybaskets.plan.past_jobs import NO_PRIOR, Speeds, lengths_of_sources
from manybaskets.plan.row_counts import rows_of
from manybaskets.plan.speeds import NETWORK, Priors
from manybaskets.plan.work import WorkOf

_MOST_SUBMISSIONS = 100


class TimeLimits:
    """Time limits of the first attempt of any job of a study.

    Args:
        machine: the machine, with the share by which a limit exceeds the estimate.
        sizes: number of parameters of every model; None for embedded models.
        finished: jobs whose durations correct the estimates.
    """

    def __init__(
        self,
        files: Files,
        machine: Machine,
        sizes: Mapping[str, float | None],
        finished: Sequence[PlannedJob],
    ) -> None:
        self.files, self.machine, self.sizes, self.finished = files, machine, sizes, finished

    @cached_property
    def _work(self) -> WorkOf:
        lengths = lengths_of_sources(self.finished, self.files)
        return WorkOf(self.files.study, rows_of(self.files), lengths)

    @cached_property
    def _speeds(self) -> Speeds:
        priors = Priors(self.files.study, self.sizes)
        return Speeds(priors, self._work, self.finished, self.files)

    def minutes(self, job: PlannedJob, usual: int) -> int:
        """Time limit of a job, in minutes.

        Args:
            usual: limit of the rule. It remains where nothing is known of the duration, and is the
                least where the duration depends on a server or where its estimate does not depend on
                the rows of the study.
        """
        try:
            work = self._work(job.rule, job.wildcards)
            estimate, basis = self._speeds(job, work)
        except UserError:
            return usual  # a user's file cannot be read: the job that reads it says why
        if not work.known or basis == NO_PRIOR:
            return usual
        minutes = self.machine.time_limits.minutes(estimate.total)
        counted = work.rows or work.tokens or basis.startswith("measured")
        served = self._speeds.priors.device_of(job) == NETWORK
        return minutes if counted and not served else max(usual, minutes)


def submissions(
    seconds: float, minutes: int, machine: Machine, lost_minutes: float = 0.0
) -> int | None:
    """How often a job that resumes is submitted until it has finished.

    Args:
        seconds: the estimate.
        minutes: time limit of the first attempt; further attempts get more.
        lost_minutes: work that a job loses at its limit, such as the time since its last checkpoint.

    Returns:
        The number of submissions; None if the job never gets further.
    """
    if seconds <= 60 * minutes:
        return 1
    left = seconds / 60
    for number in range(1, _MOST_SUBMISSIONS + 1):
        limit = min(math.ceil(minutes * machine.growth ** (number - 1)), machine.max_runtime)
        if left <= limit:
            return number
        left -= max(0.0, limit - machine.time_limits.startup - lost_minutes)
    return None
