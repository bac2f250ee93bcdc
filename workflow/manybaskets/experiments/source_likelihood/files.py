"""Files of the experiment on sources' likelihood."""

from __future__ import annotations

from pathlib import Path

from manybaskets.layout import StageFiles, TargetLoad
from manybaskets.names import VANILLA, Run


class SourceLikelihoodFiles(StageFiles):
    """Likelihoods of the sources' held-out answers, in a file for each run."""

    def scores(
        self, target: str = "{target}", mix: str = "{mix}", seed: int | str = "{seed}"
    ) -> Path:
        """Likelihoods of all sources' answers under a run."""
        return self.results / f"source-likelihood/{target}/{mix}/seed{seed}.parquet"

    def runs(self) -> list[Run]:
        """Runs of any target as (mix, seed), the untuned one first."""
        mixes = [VANILLA, *self.study.mixes]
        return [(mix, seed) for mix in mixes for seed in self.study.seeds_of(mix)]

    def load(self) -> TargetLoad:
        """What one load of a target serves."""
        return TargetLoad(self.runs(), self.study.responses.share_model_load == "target")

    def all_runs(self) -> list[tuple[str, str, int]]:
        """All runs of the study as (target, mix, seed)."""
        return [(target, *run) for target in self.study.targets for run in self.runs()]

    def sources(self) -> list[str]:
        """Sources whose answers are scored, in config order."""
        chosen = self.study.source_likelihood.sources
        mixed = self.study.mixed_sources()
        return [name for name in mixed if chosen is None or name in chosen]
