"""The command `manybaskets`, typed as a user types it."""

from __future__ import annotations

import re
import subprocess
import sys

from projects import Project


def typed(project: Project, *words: str, check: bool = True) -> str:
    """What `manybaskets WORDS` prints in a project."""
    done = subprocess.run(
        [sys.executable, "-m", "manybaskets.command.main", *words],
        cwd=project.folder,
        env=project.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert not check or done.returncode == 0, done.stdout[-4000:]
    return done.stdout


def test_a_finished_study_ends_with_its_report_and_three_findings(copy_of_finished):
    printed = typed(copy_of_finished, "run", "--cores", "2", "--verbose")
    assert "snakemake plan --cores 2\n" in printed
    assert "snakemake --cores 2 --logger manybaskets\n" in printed
    assert "Study embedded: all results are up to date." in printed
    report, findings = printed.split("Report: ")[1].split("\nMain findings:\n")
    assert report == "results/embedded/report.html"
    sentences = findings.removeprefix("- ").split("\n- ")
    assert len(sentences) == 3
    assert all(re.search(r"\d", each) and each.strip().endswith(".") for each in sentences)


def test_a_target_runs_with_lines_of_progress_and_without_reasons(project):
    printed = typed(project, "data", "config/config.yaml", "--cores", "1")
    assert "jobs done" in printed and "Reason:" not in printed and "Select jobs" not in printed
    assert project.path("data/split.parquet").exists()
    (log,) = (project.folder / ".snakemake/log").glob("*.log")
    assert "Reason: Missing output files" in log.read_text()  # the log keeps everything


def test_a_study_that_can_run_passes_the_check(project):
    printed = typed(project, "check", "config/config.yaml")
    assert "ok       config: study embedded" in printed and "PROBLEM" not in printed


def test_a_mistake_in_the_config_fails_the_check_and_the_run_before_any_job(project):
    own = project.folder / "own.yaml"
    own.write_text((project.folder / "config/config.yaml").read_text() + "\nsplitt: {}\n")
    for command in ("check", "run"):
        printed = typed(project, command, "own.yaml", check=False)
        assert printed.count("splitt: unknown key; did you mean 'split'?") == 1
    assert not (project.folder / "results").exists()
