"""Jobs that load a target once, for one run or for all of its runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from manybaskets.names import Run


@dataclass(frozen=True)
class TargetLoad:
    """What one load of a target serves: one of some runs, or all of them.

    Args:
        runs: runs of any target that a job of this kind handles.
        whole: whether a job handles all of them with one load.
    """

    runs: Sequence[Run]
    whole: bool

    @property
    def name(self) -> str:
        """Name of the job, as a part of a path: the target, or the run."""
        return "{target}" if self.whole else "{target}/{mix}/seed{seed}"

    def handled(self, wildcards: Mapping[str, str]) -> list[Run]:
        """Runs that a job handles.

        Args:
            wildcards: those of the job: `target`, and `mix` and `seed` where it is not `whole`.
        """
        if self.whole:
            return list(self.runs)
        return [(wildcards["mix"], int(wildcards["seed"]))]

    def files(self, *kinds: Callable[[str, str, int | str], Path]) -> list[Path]:
        """Files of every run that a job handles, run by run, as patterns.

        Args:
            kinds: for each kind of file a function of target, mix and seed.
        """
        runs = self.runs if self.whole else [("{mix}", "{seed}")]
        return [kind("{target}", mix, seed) for mix, seed in runs for kind in kinds]

    def minutes(self, wildcards: Mapping[str, str], first: int, further: int) -> int:
        """Time limit of a job, where its first run gets `first` and each other one `further`."""
        return first + further * (len(self.handled(wildcards)) - 1)
