"""Checks of existing models before a run starts."""

from __future__ import annotations

from pathlib import Path

from manybaskets.chat.template_arguments import check_template_arguments
from manybaskets.config.models import GgufModel
from manybaskets.config.study import Study
from manybaskets.models.folder import check_folder, template_of
from manybaskets.models.gguf import check_gguf


def check_given_models(study: Study) -> None:
    """Check the folders and GGUF files of all existing models.

    Raises:
        UserError: weights, tokenizer or chat template are missing or do not match, or the template
            does not read an argument of the config.
    """
    for name, model in study.models.items():
        if isinstance(model, GgufModel) and model.path:
            check_gguf(Path(model.path), name)
        folder = model.given_folder()
        if folder is not None:
            check_folder(Path(folder), name)
            template = template_of(Path(folder))
            check_template_arguments(model.template_values(), template, name, folder)
