"""Files of the dataset: raw and clean rows, the split, the prompt sets."""

from __future__ import annotations

from pathlib import Path

from manybaskets.config.participants import measured_models
from manybaskets.layout.stage import StageFiles
from manybaskets.names import TRAIN
from manybaskets.records.responses import FITTED
from manybaskets.records.writing import read_metadata


class DataFiles(StageFiles):
    """Files from the raw rows to the prompts."""

    def world(self) -> Path:
        """Rows of the embedded world."""
        return self.results / "data/world.jsonl"

    def truth(self) -> Path:
        """What is true of the embedded world's prompts."""
        return self.results / "data/truth.parquet"

    def raw(self) -> Path:
        """Raw rows in the project's columns."""
        return self.results / "data/raw.parquet"

    def clean(self) -> Path:
        """Rows that passed the cleaning."""
        return self.results / "data/clean.parquet"

    def clean_counts(self) -> Path:
        """Rows that left in the cleaning, by reason."""
        return self.results / "data/clean.json"

    def long_prompts(self, model: str = "{model}") -> Path:
        """Prompts that are too long for a model."""
        return self.results / f"data/long_prompts/{model}.jsonl"

    def fitted(self) -> list[str]:
        """Models that the prompts are fitted to: those that read them when they were made.

        A model that is added later has to take them as they are, so that adding it reruns nothing.
        Empty for prompts that an older version made, which stay as they are.
        """
        made, readers = self.prompts(TRAIN), measured_models(self.study)
        if not made.is_file():
            return readers
        names = read_metadata(made).get(FITTED, {}).get("models", [])
        return [name for name in names if name in readers or self.long_prompts(name).is_file()]

    def split(self) -> Path:
        """Every row with its side of the split and its part."""
        return self.results / "data/split.parquet"

    def prompts(self, prompt_set: str = "{prompt_set}") -> Path:
        """Prompts of a prompt set."""
        return self.results / f"data/prompts/{prompt_set}.parquet"

    def prompt_sets(self) -> list[Path]:
        """Prompts of all sets that runs answer."""
        return [self.prompts(name) for name in self.study.all_prompt_sets()]

    def truths(self) -> list[Path]:
        """The file `truth`, or nothing for a dataset that is not the embedded world."""
        return [self.truth()] if self.study.embedded_world else []

    def given(self) -> dict[str, str]:
        """The user's files of rows and of prompts."""
        dataset = self.study.dataset
        rows = {"dataset.path": dataset.path} if dataset and dataset.kind == "file" else {}
        return rows | {
            f"prompt_sets.{name}.path": prompt_set.path
            for name, prompt_set in self.study.prompt_sets.items()
            if prompt_set.kind == "file"
        }

    def given_prompts(self) -> list[str]:
        """The user's files of prompts."""
        return [file for key, file in self.given().items() if key.startswith("prompt_sets.")]
