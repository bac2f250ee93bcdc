"""Number of parameters of a model, from its files or its name, and shapes of its tensors."""

from __future__ import annotations

import math
import re
from pathlib import Path

from manybaskets.config.models import EmbeddedModel, FolderModel
from manybaskets.config.study import Study
from manybaskets.errors import UserError
from manybaskets.models.headers import read_header, weight_files

_SIZE_IN_NAME = re.compile(r"(?<![\d.])(?:(\d+)x)?(\d+(?:\.\d+)?)([bBmM])(?![A-Za-z0-9])")


def parameters_from_name(name: str) -> float | None:
    """Number of parameters in a model's name (`Llama-3.1-8B`, `Mixtral-8x7B`, `135M`), or None."""
    found = _SIZE_IN_NAME.findall(name)
    if not found:
        return None
    copies, size, unit = found[-1]
    return float(copies or 1) * float(size) * (1e9 if unit in "bB" else 1e6)


def model_sizes(study: Study) -> dict[str, float | None]:
    """Number of parameters of every model: from the config, its files, or its name.

    None for embedded models: a CPU core is enough for them.

    Raises:
        UserError: the size of a Hub model cannot be determined.
    """
    sizes: dict[str, float | None] = {}
    for name, model in study.models.items():
        if isinstance(model, EmbeddedModel):
            sizes[name] = None
        elif isinstance(model, FolderModel):
            sizes[name] = float(count_parameters(Path(model.path)))
        else:
            told = (
                model.parameters_billion * 1e9
                if model.parameters_billion
                else parameters_from_name(Path(model.origin).name)
            )
            if told is None:
                raise UserError(
                    what=f"the number of parameters of '{model.origin}' cannot be determined from "
                    "its name",
                    where=f"models.{name}.parameters_billion",
                    expected="a number such as 8 for a model with 8 billion parameters",
                    remedy="add this key; see the model's Hub page for the number",
                )
            sizes[name] = told
    return sizes


def count_parameters(folder: Path) -> int:
    """Number of parameters in a model's safetensors files, from their headers alone.

    A packed, quantised tensor counts as stored.

    Raises:
        UserError: a file is missing or its header cannot be read.
    """
    return sum(math.prod(shape) for shape in tensor_shapes(folder).values())


def tensor_shapes(folder: Path) -> dict[str, list[int]]:
    """Shape of each tensor in a model's safetensors files, by name, from their headers alone.

    If there is an index, only the tensors that it lists count: some repositories contain the same
    weights twice.

    Raises:
        UserError: a file is missing or its header cannot be read.
    """
    return {
        name: list(tensor.shape)
        for path in weight_files(Path(folder))
        for name, tensor in read_header(path).items()
    }
