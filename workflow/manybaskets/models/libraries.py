"""Import the large libraries that models need, once and in one go."""

from __future__ import annotations

import gc
import importlib
import sys


def import_libraries(*modules: str) -> None:
    """Import modules without looking for garbage among their objects, now or later.

    Torch and transformers make a few hundred thousand objects that stay, and each collection would
    look through all of them again.

    Args:
        modules: dotted names, such as `torch` or `transformers.modeling_utils`.
    """
    if all(module in sys.modules for module in modules):
        return
    collecting = gc.isenabled()
    gc.disable()
    try:
        for module in modules:
            importlib.import_module(module)
        gc.freeze()
    finally:
        if collecting:
            gc.enable()
