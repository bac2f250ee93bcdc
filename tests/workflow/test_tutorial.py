"""docs/tutorial.md, run as it is written: from a CSV file to a report."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from projects import REPOSITORY, new_project

PAGE = (REPOSITORY / "docs/tutorial.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def typed(tmp_path_factory):
    """The project after all commands of the page, and what each of them printed."""
    project = new_project(tmp_path_factory.mktemp("tutorial") / "project")
    programs = project.folder.parent / "bin"
    programs.mkdir()
    command = programs / "manybaskets"  # of this interpreter, whether or not it is installed there
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m manybaskets.command.main "$@"\n')
    command.chmod(0o755)
    path = os.pathsep.join([str(programs), os.environ["PATH"]])
    printed = {}
    for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", "").splitlines():
            done = subprocess.run(
                line, shell=True, cwd=project.folder, env=project.environment(PATH=path),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )  # fmt: skip
            assert done.returncode == 0, f"{line}\n{done.stdout[-4000:]}"
            printed[line] = done.stdout
    return project, printed


def numbers(findings: str) -> list[tuple[str, ...]]:
    """Who, the difference and its interval of every finding, however they are worded and broken."""
    one_line = " ".join(findings.split())
    return re.findall(r"(model_\w) .*?difference (\S+) .*?interval (\S+) to (\S+),", one_line)


def test_the_page_ends_in_a_report_with_the_findings_that_it_shows(typed):
    project, printed = typed
    (shown,) = re.findall(r"^```text\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    ending = printed["manybaskets run tutorial.yaml"].partition("Report: ")[2]
    assert shown.startswith(f"Report: {ending.splitlines()[0]}")
    for text in (shown, ending):
        assert text.count("\n- ") == 3
    assert len(numbers(shown)) == 3 and numbers(ending) == numbers(shown)
    assert project.path("report.html", "tutorial").exists()


def test_the_run_says_first_what_it_takes_and_then_how_long_it_still_takes(typed):
    lines = typed[1]["manybaskets run tutorial.yaml"].splitlines()
    assert re.fullmatch(
        r"Study tutorial: \d+ jobs, about \d+ (s|min) with \d+ cores?; .*", lines[0]
    )
    assert any(re.match(r"\d+ of \d+ jobs done, .* left", line) for line in lines)


def test_the_check_and_the_plan_of_a_tuned_model_need_neither_network_nor_model(typed):
    project, printed = typed
    assert "PROBLEM" not in printed["manybaskets check tutorial.yaml"]
    plan = printed["manybaskets plan tuned.yaml"]
    assert "Plan of the study tuned" in plan and "training" in plan and "Wall time" in plan
    assert not project.path("data", "tuned").exists()
