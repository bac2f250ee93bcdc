"""Number of weights of a model, from its files or its name."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

from manybaskets.config.models import EmbeddedModel, HubModel
from manybaskets.config.study import Study
from manybaskets.errors import UserError

_SIZE_IN_NAME = re.compile(r"(?<![\d.])(?:(\d+)x)?(\d+(?:\.\d+)?)[bB](?![A-Za-z0-9])")


def parameters_from_name(name: str) -> float | None:
    """Number of weights that a model's name tells (`Llama-3.1-8B`, `Mixtral-8x7B`); None if none."""
    found = _SIZE_IN_NAME.findall(name)
    if not found:
        return None
    copies, size = found[-1]
    return float(copies or 1) * float(size) * 1e9


def model_sizes(study: Study) -> dict[str, float | None]:
    """Number of weights of every model of a study: from config, from its files, or from its name.

    Embedded models have None: a CPU core is enough for them.

    Raises:
        UserError: nothing tells how large a model of the hub is.
    """
    sizes: dict[str, float | None] = {}
    for name, model in study.models.items():
        if isinstance(model, EmbeddedModel):
            sizes[name] = None
        elif isinstance(model, HubModel):
            told = (
                model.parameters_billion * 1e9
                if model.parameters_billion
                else parameters_from_name(model.repo)
            )
            if told is None:
                raise UserError(
                    what=f"nothing tells how many weights '{model.repo}' has",
                    where=f"models.{name}.parameters_billion",
                    expected="a number such as 8 for a model of 8 billion weights",
                    remedy="add the key; the model's page has the number",
                )
            sizes[name] = told
        else:
            sizes[name] = float(count_parameters(Path(model.path)))
    return sizes


# A header of more bytes is no header: the format's own limit.
_LARGEST_HEADER = 100_000_000


def count_parameters(folder: Path) -> int:
    """Numbers that a model's safetensors files hold, from their headers alone.

    Where there is an index, only the tensors that it lists count: some repositories hold the same
    weights twice. A packed, quantised tensor counts as it is stored.

    Raises:
        UserError: a file is missing or has no readable header.
    """
    folder = Path(folder)
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        files = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        paths = [folder / file for file in files]
    else:
        whole = folder / "model.safetensors"
        paths = [whole] if whole.is_file() else sorted(folder.glob("*.safetensors"))
    tensors: dict[str, int] = {}
    for path in paths:
        tensors |= _tensors(path)
    return sum(tensors.values())


def _tensors(path: Path) -> dict[str, int]:
    """Numbers in each tensor of a safetensors file."""
    try:
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= _LARGEST_HEADER:
                raise ValueError(f"a header of {length} bytes")
            content = file.read(length)
            if len(content) < length:
                raise ValueError(f"the file ends within its header of {length} bytes")
            header = json.loads(content)
        return {
            name: math.prod(tensor["shape"])
            for name, tensor in header.items()
            if name != "__metadata__"
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            what=f"the weights have no readable header: {error}",
            where=str(path),
            expected="a whole safetensors file",
            remedy="delete the model's folder and fetch it again, or correct its path in the config",
        ) from None
