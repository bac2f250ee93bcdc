"""Where a study's models lie, and checks of those that exist before a run starts."""

from __future__ import annotations

from pathlib import Path

from manybaskets.config.models import FolderModel
from manybaskets.config.study import Study
from manybaskets.models.folder import check_folder


def given_folder(study: Study, name: str) -> Path | None:
    """Folder of a model that the user has already, or None for one that the workflow makes or fetches."""
    model = study.models[name]
    return Path(model.path) if isinstance(model, FolderModel) else None


def check_given_models(study: Study) -> None:
    """Check the folders of all models that exist already.

    Raises:
        UserError: weights, tokenizer or chat template are missing or do not fit each other.
    """
    for name in study.models:
        folder = given_folder(study, name)
        if folder is not None:
            check_folder(folder, name)
