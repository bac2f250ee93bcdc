"""Files of `tests/extensions/`, registered for the length of one test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from repository import ROOT

from manybaskets import extensions
from manybaskets.registry import Registry

EXTENSIONS = ROOT / "tests" / "extensions"


@contextmanager
def extended(*names: str, **registries: Registry) -> Iterator[list[Path]]:
    """Load extensions by file name; afterwards the registries hold what they held before."""
    files = [EXTENSIONS / name for name in names]
    before = {name: dict(registry._values) for name, registry in registries.items()}
    loaded = dict(extensions._LOADED)
    try:
        extensions.load_extensions(files)
        yield files
    finally:
        extensions._LOADED.clear()
        extensions._LOADED.update(loaded)
        for name, registry in registries.items():
            registry._values.clear()
            registry._values.update(before[name])
