"""Files of the runs: adapters, answers, likelihoods; and the runs of a study."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from manybaskets.layout.stage import StageFiles
from manybaskets.names import VANILLA, Run


class RunFiles(StageFiles):
    """Files of the runs, in a folder for each; the untuned target is the run `vanilla`, seed 0."""

    journals = {"responses": "responses_journal"}

    def folder(
        self, target: str = "{target}", mix: str = "{mix}", seed: int | str = "{seed}"
    ) -> Path:
        """Folder of a run."""
        return self.results / f"runs/{target}/{mix}/seed{seed}"

    def adapter(
        self, target: str = "{target}", mix: str = "{mix}", seed: int | str = "{seed}"
    ) -> Path:
        """Folder of a run's adapter."""
        return self.folder(target, mix, seed) / "adapter"

    def responses(
        self,
        target: str = "{target}",
        mix: str = "{mix}",
        seed: int | str = "{seed}",
        prompt_set: str = "{prompt_set}",
    ) -> Path:
        """A run's answers to a prompt set."""
        return self.folder(target, mix, seed) / f"responses/{prompt_set}.parquet"

    def target_likelihood(
        self, target: str = "{target}", mix: str = "{mix}", seed: int | str = "{seed}"
    ) -> Path:
        """Likelihoods of human answers and of the run's own, under the run and the untuned target."""
        return self.folder(target, mix, seed) / "target-likelihood.parquet"

    def likelihood(
        self, target: str = "{target}", mix: str = "{mix}", seed: int | str = "{seed}"
    ) -> Path:
        """The same, with the fixed scorer's likelihoods."""
        return self.folder(target, mix, seed) / "likelihood.parquet"

    def training_work(
        self, target: str = "{target}", mix: str = "{mix}", seed: int | str = "{seed}"
    ) -> Path:
        """Work folder of a training, with its checkpoints."""
        return self.results / f"work/runs/{target}/{mix}/seed{seed}"

    def responses_work(self, target: str = "{target}") -> Path:
        """Work folder of the answers of a target's runs."""
        return self.results / f"work/responses/{target}"

    def responses_journal(
        self,
        target: str = "{target}",
        mix: str = "{mix}",
        seed: int | str = "{seed}",
        prompt_set: str = "{prompt_set}",
    ) -> Path:
        """Folder of the journal of a run's answers to a prompt set."""
        return self.responses_work(target) / f"{mix}/seed{seed}/{prompt_set}"

    def likelihood_work(self, target: str = "{target}") -> Path:
        """Work folder of the likelihoods of a target's runs."""
        return self.results / f"work/likelihood/{target}"

    def scorer_work(self, target: str = "{target}") -> Path:
        """Work folder of the fixed scorer's likelihoods."""
        return self.results / f"work/scorer/{target}"

    def mixes(self) -> list[str]:
        """Mixes of the study, the untuned target's `vanilla` first."""
        return [VANILLA, *self.study.mixes]

    def of_target(self) -> list[Run]:
        """Runs of any target as (mix, seed), the untuned one first."""
        return [(mix, seed) for mix in self.mixes() for seed in self.study.seeds_of(mix)]

    def all(self) -> list[tuple[str, str, int]]:
        """All runs of the study as (target, mix, seed)."""
        return [(target, *run) for target in self.study.targets for run in self.of_target()]

    def tuned(self) -> list[tuple[str, str, int]]:
        """All runs that have an adapter."""
        return [run for run in self.all() if run[1] != VANILLA]

    def adapters(self, target: str, runs: Iterable[Run]) -> list[Path]:
        """Adapters of some runs of a target; the untuned one has none."""
        return [self.adapter(target, *run) for run in runs if run[0] != VANILLA]

    def all_adapters(self) -> list[Path]:
        """Adapters of all runs."""
        return [self.adapter(*run) for run in self.tuned()]

    def all_responses(self) -> list[Path]:
        """Answers of all runs, run by run, in each in the order of the prompt sets."""
        names = self.study.all_prompt_sets()
        return [self.responses(*run, name) for run in self.all() for name in names]
