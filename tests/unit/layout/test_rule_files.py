"""Rule files are tables of contents: they name rules and scripts, and the library has the rest."""

from __future__ import annotations

import ast
import re
from importlib import import_module

import pytest
from repository import ROOT

RULE_FILES = sorted((ROOT / "workflow/rules").glob("*.smk"))
SCRIPTS = sorted((ROOT / "workflow/scripts").glob("*.py"))
RULE = re.compile(r"^\s*(?:use rule (?P<base>\w+) as|rule) (?P<name>\w+)(?: with)?:", re.M)
SCRIPT = re.compile(r'SCRIPTS / "(\w+)\.py"')
# They hold what several rule files share, the questions `plan` and `status`, and what a cluster adds.
WITH_FUNCTIONS = {"common", "plan", "placement"}
A_FILE = re.compile(r'"[^"\s]*\.(?:parquet|jsonl?|csv|npy|svg|png|html|md|tex|tsv)"')


def rules() -> dict[str, tuple[str | None, str]]:
    """Every rule with the rule that it derives from and its text."""
    found = {}
    for file in RULE_FILES:
        text = file.read_text()
        heads = list(RULE.finditer(text))
        ends = [head.start() for head in heads[1:]] + [len(text)] * bool(heads)
        for head, end in zip(heads, ends, strict=True):
            found[head["name"]] = head["base"], text[head.end() : end]
    return found


def test_a_rule_runs_the_script_of_its_name():
    for name, (base, text) in rules().items():
        script = SCRIPT.search(text)
        assert (script is None) == (base is not None), name
        assert script is None or script[1] == name


def test_every_script_belongs_to_a_rule():
    assert {script.stem for script in SCRIPTS} <= rules().keys()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_script_is_short_and_says_whose_it_is(script):
    text = script.read_text()
    assert f"`{script.stem}`" in text.splitlines()[0]
    assert len(text.splitlines()) <= 40


@pytest.mark.parametrize("file", RULE_FILES, ids=lambda file: file.stem)
def test_no_rule_file_spells_a_path_of_a_result(file):
    """Paths are methods of the classes in `layout/`, or of an experiment's `files.py`."""
    lines = [line for line in file.read_text().splitlines() if "resources/" not in line]
    assert [line for line in lines if A_FILE.search(line)] == []


@pytest.mark.parametrize("file", RULE_FILES, ids=lambda file: file.stem)
def test_only_shared_rule_files_have_functions(file):
    if file.stem not in WITH_FUNCTIONS:
        assert not re.search(r"^\s*def ", file.read_text(), re.M)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_what_a_script_imports_exists(script):
    for node in ast.walk(ast.parse(script.read_text())):
        if isinstance(node, ast.ImportFrom):
            module = import_module(node.module)
            for name in (each.name for each in node.names):
                if not hasattr(module, name):
                    import_module(f"{node.module}.{name}")
