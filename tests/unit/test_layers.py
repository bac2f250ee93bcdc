"""The rooms import downwards only, and `make lint` says so where one does not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from repository import LIBRARY, ROOT

LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")
IN_THE_ROOT = 5


@pytest.fixture
def copy(tmp_path) -> Path:
    """A copy of the library and of the contracts, to plant something in."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(LIBRARY / "manybaskets", tmp_path / "workflow/manybaskets", ignore=ignored)
    return tmp_path


def lint(project: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINT_IMPORTS, "--no-logo", "--no-cache"],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(project / "workflow")},
        capture_output=True,
        text=True,
        check=False,
    )


def plant(project: Path, module: str, line: str) -> None:
    path = project / "workflow/manybaskets" / module
    path.write_text((path.read_text() if path.exists() else "") + f"\n{line}\n")


def test_the_library_keeps_its_contracts(copy):
    result = lint(copy)
    assert result.returncode == 0, result.stdout
    assert "0 broken" in result.stdout


@pytest.mark.parametrize(
    ("module", "line", "says"),
    [
        (
            "statistics/rates.py",
            "from manybaskets.status import reading",
            "manybaskets.statistics is not allowed to import manybaskets.status",
        ),
        (
            "errors.py",
            "def late():\n    from manybaskets.plan import table",
            "manybaskets.errors is not allowed to import manybaskets.plan",
        ),
        (
            "experiments/preference/roles.py",
            "from manybaskets.experiments.robustness import prompts",
            "preference is not allowed to import manybaskets.experiments.robustness",
        ),
        (
            "statistics/components.py",
            "from manybaskets.statistics import rates",
            "No circles BROKEN",
        ),
        ("drawer.py", "X = 1", "manybaskets.drawer (Since this contract is marked as 'exhaustive'"),
    ],
)
def test_what_is_planted_is_found(copy, module, line, says):
    plant(copy, module, line)
    result = lint(copy)
    assert result.returncode == 1
    assert says in " ".join(result.stdout.split())


def test_lint_runs_the_contracts():
    recipe = subprocess.run(
        ["make", "-n", "lint"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert "lint-imports" in recipe


def test_few_modules_are_in_the_root():
    modules = {path.name for path in (LIBRARY / "manybaskets").glob("*.py")} - {"__init__.py"}
    assert len(modules) <= IN_THE_ROOT, f"in no room: {sorted(modules)}"
