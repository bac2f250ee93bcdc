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


def hide_packages(*names: str) -> None:
    """Let this process do without installed packages, unless it has imported them already.

    Libraries that import a package only where it is installed then start faster: transformers takes
    a third of its time for `datasets`, of which no training reads anything, and for `scipy`, which
    its losses of object detection need.
    """
    for name in names:
        sys.modules.setdefault(name, None)  # Python and libraries then find that it is missing
