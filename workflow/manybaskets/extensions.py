"""User's Python files that register engines, mix kinds, experiments, tables, figures or measures.

The config key `extensions` lists them. They are imported before the config is validated and,
through an environment variable, at the start of every job and its subprocesses.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from manybaskets.errors import UserError

KEY = "extensions"
VARIABLE = "MANYBASKETS_EXTENSIONS"

# Packages that register config sections on import: the config does not refer to them, so that a
# shipped experiment is added like a user's.
SHIPPED = ("manybaskets.experiments",)

_LOADED: dict[Path, ModuleType] = {}


def listed_extensions(value: Any, where: str) -> list[Path]:
    """The files under the config key `extensions`, as absolute paths.

    Args:
        value: value of the config key; paths are relative to the working directory.
        where: the config file, for messages.

    Raises:
        UserError: the value is not a list of paths.
    """
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise UserError(
            what=f"{KEY}: {value!r:.80} is not a list of Python files",
            where=where,
            expected=f"{KEY}: [my_engine.py]",
            remedy="list the paths of the files, relative to the working directory",
        )
    return [Path(each).resolve() for each in value]


def load_shipped() -> None:
    """Import the packages that register config sections."""
    for room in SHIPPED:
        importlib.import_module(room)


def load_extensions(files: Sequence[Path]) -> None:
    """Import extensions, each once per process.

    Raises:
        UserError: a file is missing or cannot be imported; the error names the file and the line.
    """
    for file in files:
        if file not in _LOADED:
            _LOADED[file] = _import(file)


def load_passed_on() -> None:
    """Import the extensions of the parent process.

    Raises:
        UserError: as `load_extensions`.
    """
    load_extensions([Path(file) for file in json.loads(os.environ.get(VARIABLE, "[]"))])


def _import(file: Path) -> ModuleType:
    if not file.is_file():
        raise UserError(
            what="the extension does not exist",
            where=f"{file}, listed under `{KEY}`",
            expected="a Python file; paths are relative to the working directory",
            remedy=f"fix the path in `{KEY}`, or create the file",
        )
    # Objects of an extension can be pickled because its module has a unique name in `sys.modules`.
    name = f"manybaskets_extension_{len(_LOADED)}_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        _fail(file, "its name does not end in .py", None)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        _fail(file, f"{type(error).__name__}: {_message(error)}", _line(file, error))
    return module


def _fail(file: Path, what: str, line: int | None) -> NoReturn:
    raise UserError(
        what=f"the extension cannot be imported: {what}",
        where=f"{file}, line {line}" if line else str(file),
        expected="a Python file that imports without errors and registers every name once",
        remedy=f"fix the file; `python {file}` shows the full traceback",
    ) from None


def _message(error: BaseException) -> str:
    if isinstance(error, UserError):
        return error.what
    return error.msg if isinstance(error, SyntaxError) else str(error)


def _line(file: Path, error: BaseException) -> int | None:
    """The last executed line of the file, or the line with a syntax error."""
    if isinstance(error, SyntaxError) and error.filename == str(file):
        return error.lineno
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(file)]
    return lines[-1] if lines else None
