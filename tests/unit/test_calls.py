"""Scripts and benchmarks call the library with names and keywords that it has."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from repository import ROOT

FILES = sorted([*(ROOT / "workflow/scripts").glob("*.py"), *(ROOT / "benchmarks").glob("*.py")])


def imported(tree: ast.Module) -> dict[str, Any]:
    """What a file imports from the library, by name."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("manybaskets"):
            module = importlib.import_module(node.module)
            for name in node.names:
                if not hasattr(module, name.name):
                    importlib.import_module(f"{node.module}.{name.name}")
                found[name.asname or name.name] = getattr(module, name.name)
    return found


def called(function: ast.expr, names: dict[str, Any]) -> Any:
    """The function or class of the library that is called; None for another."""
    if isinstance(function, ast.Name):
        return names.get(function.id)
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        module = names.get(function.value.id)
        return getattr(module, function.attr) if isinstance(module, ModuleType) else None
    return None


def unknown_keywords(source: str) -> list[str]:
    tree = ast.parse(source)
    names, found = imported(tree), []
    for node in ast.walk(tree):
        function = called(node.func, names) if isinstance(node, ast.Call) else None
        if not callable(function):
            continue
        parameters = inspect.signature(function).parameters
        if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values()):
            continue
        used = [keyword.arg for keyword in node.keywords if keyword.arg]
        found += [f"{ast.unparse(node.func)}({name}=)" for name in used if name not in parameters]
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_a_file_calls_what_the_library_has(file: Path):
    assert unknown_keywords(file.read_text(encoding="utf-8")) == []


def test_a_keyword_that_a_function_does_not_have_is_found():
    source = "from manybaskets.records.writing import write_text\nwrite_text('', path=1, how=2)\n"
    assert unknown_keywords(source) == ["write_text(how=)"]
    with pytest.raises(ModuleNotFoundError):
        unknown_keywords("from manybaskets.records import nothing_of_the_kind\n")
