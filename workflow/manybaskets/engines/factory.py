"""Open the engine described by a config section."""

from __future__ import annotations

from typing import Any

from manybaskets.config.engine_kinds import EngineSettings, Opening
from manybaskets.engines.base import LocalEngine


def open_engine(settings: EngineSettings, opening: Opening) -> Any:
    """Load a model, or connect to it, with the engine named in the config.

    Returns:
        An `Engine`; a `LocalEngine` if the settings declare support for adapters or probabilities.

    Raises:
        TypeError: the settings declare something that the engine does not support.
        ValueError: the engine runs a model but no folder was given, or its identity names another
            engine.
    """
    if settings.runs_model and opening.folder is None:
        raise ValueError(f"engine '{settings.kind}' runs a model, but no folder was given")
    engine = settings.open(opening)
    if engine.identity["engine"] != settings.kind:
        raise ValueError(
            f"the identity of engine '{settings.kind}' must contain its kind under `engine`"
        )
    local = settings.takes_adapters or settings.reads_probabilities
    if local and not isinstance(engine, LocalEngine):
        raise TypeError(
            f"engine '{settings.kind}' declares support for adapters or probabilities, so "
            f"{type(engine).__name__} must be a LocalEngine"
        )
    return engine
