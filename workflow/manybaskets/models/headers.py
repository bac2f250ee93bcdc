"""Headers of safetensors files: names, formats, shapes and places of the tensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from manybaskets.errors import UserError

_LARGEST_HEADER = 100_000_000  # bytes; the format's own limit


class TensorHeader(NamedTuple):
    """A tensor in a file: its number format, such as `BF16`, and its bytes [start, end)."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


def read_header(path: Path) -> dict[str, TensorHeader]:
    """Tensors of a safetensors file by name; no weight is read.

    Raises:
        UserError: the header cannot be read.
    """
    try:
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= _LARGEST_HEADER:
                raise ValueError(f"its header has {length} bytes")
            content = file.read(length)
        if len(content) < length:
            raise ValueError(f"the file ends within its header of {length} bytes")
        begin = 8 + length
        tensors = {}
        for name, tensor in json.loads(content).items():
            if name != "__metadata__":
                start, end = tensor["data_offsets"]
                shape = tuple(map(int, tensor["shape"]))
                tensors[name] = TensorHeader(tensor["dtype"], shape, begin + start, begin + end)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _broken(path, f"the header of the weights file cannot be read: {error}") from None
    return tensors


def check_not_truncated(path: Path, tensors: Mapping[str, TensorHeader]) -> None:
    """Check that a file holds all bytes of its tensors.

    Raises:
        UserError: it is truncated.
    """
    size, needed = path.stat().st_size, max((each.end for each in tensors.values()), default=0)
    if size < needed:
        raise _broken(path, f"the weights file is truncated: it has {size:,} of {needed:,} bytes")


def weight_files(folder: Path) -> list[Path]:
    """Weight files of a model folder: those of its index, if there is one.

    Some repositories contain the same weights twice; the index names those that transformers loads.
    """
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        return [folder / name for name in sorted(names)]
    whole = folder / "model.safetensors"
    return [whole] if whole.is_file() else sorted(folder.glob("*.safetensors"))


def _broken(path: Path, what: str) -> UserError:
    return UserError(
        what=what,
        where=str(path),
        expected="a complete safetensors file",
        remedy="delete the model's folder and rerun the same command to fetch it again, or "
        "change its path in the config",
    )
