"""One name, one thing: modules, classes and functions of the library, and the word `part`."""

from __future__ import annotations

import ast
import io
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from repository import ROOT

LIBRARY = ROOT / "workflow/manybaskets"
FILES = sorted(LIBRARY.rglob("*.py"))
SCRIPTS = sorted((ROOT / "workflow/scripts").glob("*.py"))
TREES = {file: ast.parse(file.read_text(encoding="utf-8")) for file in [*FILES, *SCRIPTS]}

# Modules of these rooms have the name of what they are about: its settings, its files, its report.
ROOMS_ABOUT_OTHERS = ("config", "layout", "report")
# Modules with the same role in several rooms.
ROLES = {
    "analysis": "computes the statistics of an experiment",
    "base": "the interface of what a room registers or opens",
    "experiment": "declares an experiment",
    "factory": "opens what a section of the config describes",
    "files": "the files of an experiment",
    "findings": "the sentences of a section of the report",
    "judge_panel": "the judges of an experiment",
    "likelihood": "scoring computes likelihoods, the measures read them",
    "published_numbers": "the published numbers of an experiment",
    "registry": "keeps what a decorator registers",
    "stage_versions": "versions of stages, for the study or for an experiment",
    "tables": "registers tables",
    "workload": "rows and tokens of jobs, for the plan",
}
# Functions with the same role in several modules.
FUNCTION_ROLES = {
    "findings": "the sentences of a section of the report",
    "job_profiles": "what the plan knows about the jobs of an experiment",
    "main": "the entry of `python -m`",
    "open_engine": "opens an engine; `factory.open_engine` calls the others",
    "plan": "which figures of a kind a study has",
    "published_findings": "sentences that compare with the published numbers",
    "section_of": "the section of an experiment in the report",
}
# Registered under the name of what they make: a table, a figure, a measure, a rule.
REGISTERING = {"table", "_table", "figure", "measure", "rule"}
# Modules that deal with the parts of the training prompts.
ABOUT_PARTS = {
    "config/data.py",
    "config/mixes.py",
    "data/splits.py",
    "published/condition_groups.py",
    "published/procedure_comparison.py",
    "published/source_procedures.py",
    "report/counts.py",
}


def shown(file: Path) -> str:
    return str(file.relative_to(LIBRARY))


def doubled(places: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: found for name, found in places.items() if len(found) > 1}


def definitions(kind: type) -> Iterator[tuple[str, str]]:
    """Public classes or functions at the top level, with their files."""
    for file in FILES:
        for node in TREES[file].body:
            if isinstance(node, kind) and not node.name.startswith("_"):
                decorators = {
                    called.func.id
                    for called in node.decorator_list
                    if isinstance(called, ast.Call) and isinstance(called.func, ast.Name)
                }
                if not decorators & REGISTERING:
                    yield node.name, shown(file)


def test_no_two_modules_of_different_meaning_have_one_name():
    places = defaultdict(list)
    for file in FILES:
        if file.stem != "__init__" and file.relative_to(LIBRARY).parts[0] not in ROOMS_ABOUT_OTHERS:
            places[file.stem].append(shown(file))
    found = doubled(places)
    assert {name: found[name] for name in set(found) - set(ROLES)} == {}
    assert set(ROLES) <= set(found), "a role that no two modules have"


def test_no_two_modules_of_a_room_about_others_have_one_name():
    for room in ROOMS_ABOUT_OTHERS:
        names = [file.stem for file in (LIBRARY / room).rglob("*.py") if file.stem != "__init__"]
        assert len(set(names)) == len(names), room


def test_every_public_class_has_a_name_of_its_own():
    places = defaultdict(list)
    for name, file in definitions(ast.ClassDef):
        places[name].append(file)
    assert doubled(places) == {}


def test_every_public_function_has_a_name_or_a_role_of_its_own():
    places = defaultdict(list)
    for name, file in definitions(ast.FunctionDef):
        places[name].append(file)
    found = doubled(places)
    assert {name: found[name] for name in set(found) - set(FUNCTION_ROLES)} == {}
    assert set(FUNCTION_ROLES) <= set(found), "a role that no two functions have"


def test_nothing_of_the_library_is_imported_under_another_name():
    renamed = [
        f"{file.name}: {name.name} as {name.asname}"
        for file, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("manybaskets")
        for name in node.names
        if name.asname
    ]
    assert renamed == []


@pytest.mark.parametrize("file", FILES, ids=shown)
def test_part_means_a_part_of_the_training_prompts(file):
    if shown(file) in ABOUT_PARTS:
        return
    tokens = list(tokenize.generate_tokens(io.StringIO(file.read_text()).readline))
    used = [
        token.line.strip()
        for before, token in zip(tokens, tokens[1:], strict=False)
        if token.type == tokenize.NAME
        and token.string in {"part", "parts", "Part"}
        and not (before.string == "." and "path.parts" in token.line)
    ]
    assert used == []
