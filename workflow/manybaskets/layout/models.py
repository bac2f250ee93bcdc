"""Folders of models."""

from __future__ import annotations

from pathlib import Path

from manybaskets.layout.stage import StageFiles


class ModelFiles(StageFiles):
    """Models that the workflow makes or fetches, and those that the user has."""

    def made(self, model: str = "{model}") -> Path:
        """Folder of a model that the workflow makes or fetches."""
        return self.results / f"models/{model}"

    def work(self, model: str = "{model}") -> Path:
        """Work folder of the making of an embedded model."""
        return self.results / f"work/models/{model}"

    def checked(self) -> Path:
        """Which states of the user's model folders were checked."""
        return self.results / "work/models/checked.json"

    def gguf(self, model: str = "{model}") -> Path:
        """GGUF file of a model that the workflow fetches."""
        return self.results / f"work/gguf/{model}.gguf"

    def gguf_of(self, model: str) -> Path:
        """GGUF file of a model: the user's own, or the one that the workflow fetches."""
        settings = self.study.models[model]
        return Path(settings.path) if settings.path else self.gguf(model)

    def folder(self, model: str) -> Path:
        """Folder of any model of the study: the user's own, or the one that the workflow makes."""
        given = self.study.models[model].given_folder()
        return Path(given) if given else self.made(model)

    def folders(self, model: str | None) -> list[Path]:
        """Folder of a model, or nothing without one."""
        return [self.folder(model)] if model else []

    def of_kind(self, kind: str) -> list[str]:
        """Names of the models of a kind."""
        return [name for name, model in self.study.models.items() if model.kind == kind]

    def scorer(self) -> list[Path]:
        """Folder of the fixed scorer, or nothing for a study without one."""
        return self.folders(self.study.scoring.scorer)
