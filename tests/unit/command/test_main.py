"""The command `manybaskets`: commands, mistyped commands, and what it says before and after a run."""

from __future__ import annotations

import re

import pytest
from repository import ROOT
from snakemake.utils import update_config

from manybaskets.command import main as command
from manybaskets.command.snakemake_call import snakemake_command
from manybaskets.command.whole_run import ending, folder_of, what_it_takes
from manybaskets.config.loading import merged_settings
from manybaskets.experiments import EXPERIMENTS


def test_a_mistyped_command_is_answered_with_the_right_one(capsys):
    assert command.main(["plna", "my.yaml"]) == 1
    assert "there is no command 'plna'; did you mean 'plan'?" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["--help"], ["run", "--help"]])
def test_help_names_every_command(words, capsys):
    assert command.main(words) == 0
    printed = capsys.readouterr().out
    for name in ("check", "plan", "run", "status", "figures"):
        assert re.search(rf"^  {name} ", printed, re.MULTILINE)


def test_every_target_of_the_workflow_is_a_command():
    snakefile = (ROOT / "Snakefile").read_text()
    rules = set(re.findall(r"^rule (\w+):", snakefile, re.MULTILINE)) - {"all"}
    assert set(command.STAGES) == rules - set(EXPERIMENTS.names())


@pytest.mark.parametrize("name", EXPERIMENTS.names())
def test_every_experiment_is_a_command(name, capsys):
    assert command.main([name, "--help"]) == 0
    assert "usage" in capsys.readouterr().out


def test_the_questions_are_those_of_the_workflow():
    rules = (ROOT / "workflow/rules/plan.smk").read_text()
    assert f"QUESTIONS = {command.QUESTIONS!r}".replace("'", '"') in rules


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["plan", "my.yaml"], "snakemake plan --configfile my.yaml"),
        (["status", "--verbose", "my.yaml"], "snakemake status --configfile my.yaml"),
        (["run", "my.yaml", "-n"], "snakemake -n --configfile my.yaml"),
        (["figures", "my.yaml", "-n"], "snakemake figures -n --configfile my.yaml"),
    ],
)
def test_verbose_prints_the_command_that_runs(words, asked, monkeypatch, capsys):
    ran = []

    def instead(path, called):
        ran.append(called)
        raise SystemExit(0)

    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("os.execv", instead)
    with pytest.raises(SystemExit):
        command.main([*words, "--verbose"] if "--verbose" not in words else words)
    assert capsys.readouterr().out.strip() == asked
    assert ran[0][1:] == ["-m", *asked.split()]


def test_elsewhere_the_workflow_of_the_checkout_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert snakemake_command(["-n"]) == ["snakemake", "--snakefile", str(ROOT / "Snakefile"), "-n"]
    assert snakemake_command(["-s", "x"]) == ["snakemake", "-s", "x"]
    (tmp_path / "Snakefile").write_text("")
    assert snakemake_command(["-n"]) == ["snakemake", "-n"]


def test_an_installation_without_a_checkout_says_that_the_rules_are_missing(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("manybaskets.command.snakemake_call.checkout", lambda: None)
    assert command.main(["plan", "my.yaml"]) == 1
    assert "there is no Snakefile here" in capsys.readouterr().err


def stage(**changes):
    return {"to_run": 3, "gpu_hours": 0.0, "job_hours": 0.1} | changes


PLAN = {"study": "mine", "stages": [stage(), stage(to_run=5)], "wall": 540.0, "notes": [],
        "gigabytes": {"models": 0.2, "rows": 0.1}, "free_gigabytes": 50.0,
        "width": {"cores": 2, "jobs": None, "gpus": None}}  # fmt: skip


def test_before_a_run_it_says_what_it_takes():
    said = what_it_takes(PLAN)
    assert said.replace("\n ", "") == (
        "Study mine: 8 jobs, about 9 min with 2 cores; 0.30 GB of disk space (50 GB free)."
    )


def test_before_a_run_on_gpus_it_says_their_hours_and_the_warnings_of_the_plan():
    plan = PLAN | {
        "stages": [stage(gpu_hours=12.34)],
        "width": {"cores": None, "jobs": 50, "gpus": None},
        "notes": ["400 GB are needed, but only 50 GB are free in results/."],
    }
    said = what_it_takes(plan)
    assert "12.3 GPU-hours" in said and "50 jobs at a time" in said
    assert "! 400 GB are needed" in said


def test_a_finished_study_takes_nothing():
    assert "up to date" in what_it_takes(PLAN | {"stages": [stage(to_run=0)]})


def test_the_folder_of_a_run_is_that_of_the_command_line(tmp_path):
    assert str(folder_of(["--cores", "2"])) == "."
    assert str(folder_of(["--directory", "there"])) == "there"
    assert str(folder_of(["--directory=there"])) == "there"


def test_config_files_are_merged_for_the_findings_as_snakemake_merges_them():
    base, more = {"a": {"x": 1, "y": 2}, "b": 1}, {"a": {"y": 3}, "c": 4}
    expected = dict(base)
    update_config(expected, more)
    assert merged_settings(base, more) == expected == {"a": {"x": 1, "y": 3}, "b": 1, "c": 4}


def test_the_findings_of_a_study_of_two_config_files_are_of_both(tmp_path):
    """Without results, only the report's path is printed; the config of both files is valid."""
    files = ["config/synthetic-eggs.yaml", "config/synthetic-eggs.preference.yaml"]
    said = ending(tmp_path / "results/synthetic-eggs", [str(ROOT / file) for file in files])
    assert said == f"Report: {tmp_path}/results/synthetic-eggs/report.html"
