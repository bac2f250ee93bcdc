"""Import the large libraries that models need, once and in one go."""

from __future__ import annotations

import gc
import importlib


def import_libraries(*modules: str) -> None:
    """Import modules without searching for garbage in between.

    Torch and transformers make a few hundred thousand objects that stay; looking through them again
    and again takes a quarter of the time of their import.

    Args:
        modules: dotted names, such as `torch` or `transformers.modeling_utils`.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        for module in modules:
            importlib.import_module(module)
    finally:
        if collecting:
            gc.enable()
