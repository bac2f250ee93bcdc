"""An experiment of a user's own runs from its files alone: a config section, a rule, a table, a figure,
rows in the plan, and a section of the report."""

from __future__ import annotations

import json
import re
import shutil

import polars as pl
import pytest
from projects import REPOSITORY, Project, new_project

SETTINGS = {
    "study": "small",
    "extensions": ["echo/echo.py"],
    "dataset": {"kind": "file", "path": "rows.jsonl", "fields": {"context": None}},
    "split": {"parts": 1, "test_share": 0.2, "validation_share": 0.1},
    "source_analysis": {"measures": ["response_words"], "topics": None},
    "echo": {"shortest": 5},
}
CONFIG = ("--configfile", "small.json")
ROWS = 60


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    """Human answers to prompts of six words, of which every answer repeats three."""
    made = new_project(tmp_path_factory.mktemp("echo") / "project")
    shutil.copytree(REPOSITORY / "tests/extensions/echo", made.folder / "echo")
    rows = [
        {"instruction": f"Please count several letters within number{n}",
         "response": f"Several letters, and number{n}."}
        for n in range(ROWS)
    ]  # fmt: skip
    (made.folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (made.folder / "small.json").write_text(json.dumps(SETTINGS))
    return made


def echo_line(text: str) -> list[str]:
    """Cells of the stage's line in a plan or status."""
    (line,) = [line for line in text.splitlines() if re.match(r"echo\s", line)]
    return line.split()


def test_it_is_planned_runs_and_is_shown(project):
    assert project.planned(*CONFIG)["echo_count"] == 1
    assert echo_line(project.run("plan", *CONFIG).stdout)[:3] == ["echo", "0", "1"]
    plan = json.loads(project.path("plan/plan.json", "small").read_text())
    (stage,) = [stage for stage in plan["stages"] if stage["stage"] == "echo"]
    assert stage["known"] and "no prior" not in stage["basis"]
    assert echo_line(project.run("status", *CONFIG).stdout)[3:6] == ["0", "0", "1"]

    project.run("--cores", "2", *CONFIG)
    found = pl.read_parquet(project.path("statistics/echo.parquet", "small"))
    assert found.row(0, named=True) == {"source": "human", "repeated": 0.5, "n": ROWS * 0.8}
    for ending in ("csv", "md", "tex"):
        assert project.path(f"tables/echo.{ending}", "small").is_file()
    for ending in ("svg", "png"):
        assert project.path(f"figures/echo.{ending}", "small").is_file()
    report = project.path("report.html", "small").read_text()
    section = report.split('<details id="echo">')[1].split("</details>")[0]
    assert "<code>human</code> repeats most: 50%." in section
    assert section.count("Repeated words") >= 2 and "data-svg=" in section
    assert echo_line(project.run("status", *CONFIG).stdout)[3:6] == ["100", "1", "1"]
    assert not project.planned(*CONFIG)

    # The experiment alone is a target, and its settings rerun its jobs alone.
    (project.folder / "small.json").write_text(json.dumps(SETTINGS | {"echo": {"shortest": 4}}))
    again = project.planned("echo", *CONFIG)
    assert set(again) == {"echo", "echo_count", "figure", "write_tables"}
    # Without the section nothing of it is asked for, and no other job runs again but the report.
    left = {key: value for key, value in SETTINGS.items() if key != "echo"}
    (project.folder / "small.json").write_text(json.dumps(left))
    assert set(project.planned(*CONFIG)) <= {"write_tables", "write_report"}
