"""Where users of an adapter find its base model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple


class AdapterBase(NamedTuple):
    """A base model as `from_pretrained` takes it.

    Args:
        name: Hub repository, or path of a model folder.
        revision: commit or tag of the repository; None for a folder.
    """

    name: str
    revision: str | None = None


def adapter_base(settings: Mapping[str, Any], folder: Path) -> AdapterBase:
    """The base model that an adapter's config names.

    For a Hub model these are its repository and the commit that was fetched; for any other model,
    the path of its folder as the config or the workflow names it.

    Args:
        settings: the model's entry of `models`, as plain values.
        folder: its folder.
    """
    if settings["kind"] != "hub":
        return AdapterBase(Path(folder).as_posix())
    fetched = Path(folder) / "source.json"
    commit = (
        json.loads(fetched.read_text(encoding="utf-8"))["commit"] if fetched.is_file() else None
    )
    return AdapterBase(settings["repo"], commit or settings["revision"])
