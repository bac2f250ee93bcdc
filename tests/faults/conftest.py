"""A finished study to damage, and the table of what was survived, printed at the end."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

from projects import Project, new_project

COUNTS: Counter[str] = Counter()
ROWS = 60


@pytest.fixture
def survived():
    """Counts a fault as survived, by kind; what fails stops its test before."""

    def count(kind: str, cases: int = 1) -> None:
        COUNTS[kind] += cases

    return count


def pytest_terminal_summary(terminalreporter) -> None:
    if COUNTS:
        terminalreporter.section("faults survived, by kind")
        for kind, cases in COUNTS.items():
            terminalreporter.write_line(f"{cases:6d}  {kind}")


@pytest.fixture(scope="session")
def study(tmp_path_factory) -> Project:
    """A finished study of human and replayed answers, which needs no model. Tests leave it as it was."""
    project = new_project(tmp_path_factory.mktemp("faults") / "project")
    rows, answers = [], []
    for n in range(ROWS):
        question = f"Who bakes bread in town {n}, and since when?"
        said = f"Mara bakes it, since the year {1900 + n}, with {n % 7} pupils."
        rows.append({"instruction": question, "context": "", "response": said})
        answers.append({"instruction": question, "output": f"{said} So people say of town {n}."})
    for name, content in (("rows", rows), ("answers", answers)):
        lines = "".join(json.dumps(row) + "\n" for row in content)
        (project.folder / f"{name}.jsonl").write_text(lines)
    engine = {"kind": "replay", "path": "answers.jsonl"}
    settings = {
        "study": "own",
        "dataset": {"kind": "file", "path": "rows.jsonl"},
        "split": {"test_share": 0, "validation_share": 0.1, "parts": 1},
        "sources": {
            "other": {"engine": engine | {"fields": {"context": None, "response": "output"}}}
        },
        "source_analysis": {"measures": ["response_words", "distinct_2"]},
        "statistics": {"bootstrap_resamples": 199, "half_samples": 100},
    }
    (project.folder / "own.yaml").write_text(yaml.safe_dump(settings))
    project.run("--cores", "2", "--configfile", "own.yaml")
    return project
