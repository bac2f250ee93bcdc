"""Task files of the user's: which tasks a folder defines, and the data files that they read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml


class _TaskLoader(yaml.SafeLoader):
    """Reads task files, whose functions (`!function`) are of no interest here."""


_TaskLoader.add_multi_constructor("!", lambda loader, suffix, node: None)


def local_tasks(folder: Path) -> dict[str, list[Path]]:
    """Tasks that a folder defines: their file, and the data files that it names."""
    tasks = {}
    for file in sorted(folder.rglob("*.yaml")):
        found = yaml.load(file.read_text(encoding="utf-8"), Loader=_TaskLoader)
        if isinstance(found, dict) and isinstance(found.get("task"), str):
            named = (found.get("dataset_kwargs") or {}).get("data_files") or []
            tasks[found["task"]] = [file, *(Path(path) for path in _paths(named))]
    return tasks


def _paths(named: Any) -> list[str]:
    if isinstance(named, Mapping):
        return [path for each in named.values() for path in _paths(each)]
    if isinstance(named, str):
        return [] if re.match(r"\w+://", named) else [named]
    return [path for each in named for path in _paths(each)]
