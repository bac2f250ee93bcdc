"""Checks of existing models before a run starts."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from manybaskets.chat.template_arguments import check_template_arguments
from manybaskets.config.models import EmbeddedModel, GgufModel
from manybaskets.config.study import Study
from manybaskets.layout import Files
from manybaskets.models.folder import check_folder, template_of
from manybaskets.models.gguf import check_gguf
from manybaskets.models.linear_layers import check_layers, check_modules


def given_models(study: Study) -> dict[str, Path]:
    """The user's folder or GGUF file of every model that has one."""
    places = {
        name: model.path if isinstance(model, GgufModel) else model.given_folder()
        for name, model in study.models.items()
    }
    return {name: Path(place) for name, place in places.items() if place}


def check_given_models(study: Study, absent: Collection[str] = ()) -> None:
    """Check the folders and GGUF files of all existing models.

    Args:
        absent: those that are not needed as long as copied results are, see `records.file_times`.

    Raises:
        UserError: weights, tokenizer or chat template are missing or do not match, or the template
            does not read an argument of the config.
    """
    for name, place in given_models(study).items():
        if str(place) in absent:
            continue
        model = study.models[name]
        if isinstance(model, GgufModel):
            check_gguf(place, name)
        else:
            check_folder(place, name)
            template = template_of(place)
            check_template_arguments(model.template_values(), template, name, str(place))


def check_targets_modules(study: Study, files: Files) -> None:
    """Check that the targets have the layers of `training.modules`, as far as their layers are known.

    Other models are checked as soon as they are fetched or converted.

    Args:
        files: paths of the study, for models that it fetched earlier.

    Raises:
        UserError: as `check_modules`.
    """
    modules = study.training.modules
    for name in study.targets:
        if isinstance(study.models[name], EmbeddedModel):
            check_layers(EmbeddedModel.linear_layers, modules, name, f"models.{name}")
        elif (folder := files.models.folder(name)).is_dir():
            check_modules(folder, name, modules)
