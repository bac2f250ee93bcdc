"""From an engine's section in the config to the engine itself."""

from __future__ import annotations

from typing import Any

from manybaskets.config.engine_kinds import EngineSettings, Opening
from manybaskets.engines.base import LocalEngine


def open_engine(settings: EngineSettings, opening: Opening) -> Any:
    """Load a model, or connect to it, behind the engine that the config names.

    Returns:
        An `Engine`; a `LocalEngine` where the settings say that it takes adapters or reads
        probabilities.

    Raises:
        TypeError: the settings promise what the engine does not do.
        ValueError: the engine runs a model, and no folder was given; its identity names another engine.
    """
    if settings.runs_model and opening.folder is None:
        raise ValueError(f"engine '{settings.kind}' runs a model, and none was given")
    engine = settings.open(opening)
    if engine.identity["engine"] != settings.kind:
        raise ValueError(f"the identity of engine '{settings.kind}' must have it under `engine`")
    local = settings.takes_adapters or settings.reads_probabilities
    if local and not isinstance(engine, LocalEngine):
        raise TypeError(
            f"engine '{settings.kind}' takes adapters or reads probabilities, so "
            f"{type(engine).__name__} must be a LocalEngine"
        )
    return engine
