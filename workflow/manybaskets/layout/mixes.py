"""Files of the mixes: lengths, eligible prompts, training sets."""

from __future__ import annotations

from pathlib import Path

from manybaskets.layout.stage import StageFiles


class MixFiles(StageFiles):
    """Files of the mixes, in a folder for each, and what all of them share."""

    def lengths(self, target: str = "{target}") -> Path:
        """Tokens of every prompt and answer under a target's template."""
        return self.results / f"mixes/lengths/{target}.parquet"

    def contexts(self, target: str = "{target}") -> Path:
        """Tokens of every prompt alone under a target's template."""
        return self.results / f"mixes/contexts/{target}.parquet"

    def eligible(self) -> Path:
        """Which prompts every mix can use."""
        return self.results / "mixes/eligible.parquet"

    def train(self, mix: str = "{mix}") -> Path:
        """Training rows of a mix."""
        return self.results / f"mixes/{mix}/train.jsonl"

    def validation(self, mix: str = "{mix}") -> Path:
        """Validation rows of a mix."""
        return self.results / f"mixes/{mix}/validation.jsonl"

    def counts(self, mix: str = "{mix}") -> Path:
        """Rows and tokens of a mix by source."""
        return self.results / f"mixes/{mix}/counts.csv"

    def card(self, mix: str = "{mix}") -> Path:
        """Dataset card of a mix."""
        return self.results / f"mixes/{mix}/README.md"

    def train_table(self, mix: str = "{mix}") -> Path:
        """Training rows of a mix, for `load_dataset`."""
        return self.results / f"mixes/{mix}/train.parquet"

    def validation_table(self, mix: str = "{mix}") -> Path:
        """Validation rows of a mix, for `load_dataset`."""
        return self.results / f"mixes/{mix}/validation.parquet"

    def all_lengths(self) -> list[Path]:
        """Lengths under the templates of all targets."""
        return [self.lengths(target) for target in self.study.targets]

    def all_contexts(self) -> list[Path]:
        """Context lengths under the templates of all targets."""
        return [self.contexts(target) for target in self.study.targets]
