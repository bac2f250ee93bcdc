"""Jobs work with the settings and the code that their driver planned with, or stop."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from manybaskets.errors import UserError
from manybaskets.jobs import run_identity
from manybaskets.jobs.environment import RUN
from manybaskets.jobs.run_identity import (
    begin_run,
    changed_files,
    check_code,
    code_of,
    driver_settings,
    end_run,
)


@pytest.fixture
def code(tmp_path, monkeypatch) -> Path:
    """A run that has begun, and a file of its code."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(RUN, "run")
    monkeypatch.delenv(run_identity.IDENTITY, raising=False)
    file = tmp_path / "library/stage.py"
    file.parent.mkdir()
    file.write_text("x = 1\n")
    (file.parent / "notes.txt").write_text("no code")
    begin_run({"seed": 1, "rate": float("inf")}, "own.yaml", code_of([file.parent], []))
    yield file
    monkeypatch.delenv(run_identity.IDENTITY, raising=False)


def test_jobs_read_the_settings_of_their_driver(code):
    settings, where = driver_settings()
    assert settings == {"seed": 1, "rate": float("inf")} and where == "own.yaml"


def test_the_same_code_is_taken_whatever_its_time(code):
    check_code()
    os.utime(code, ns=(1, 1))
    (code.parent / "notes.txt").write_text("other notes")
    check_code()


@pytest.mark.parametrize("change", [lambda f: f.write_text("x = 2\n"), Path.unlink])
def test_changed_code_stops_a_job(code, change):
    os.utime(code, ns=(1, 1))
    change(code)
    with pytest.raises(UserError, match="the workflow's code changed during the run") as caught:
        check_code()
    assert "library/stage.py" in caught.value.where


def test_a_job_of_a_run_that_has_ended_stops(code, monkeypatch):
    identity = os.environ[run_identity.IDENTITY]
    end_run()
    assert driver_settings() is None
    check_code()  # a process that no run started
    monkeypatch.setenv(run_identity.IDENTITY, identity)
    for check in (check_code, driver_settings):
        with pytest.raises(UserError, match="the run that started this job has ended"):
            check()


def test_what_killed_drivers_left_is_removed_after_a_month(code):
    old = Path(".snakemake/many-baskets-runs/killed.json")
    old.write_text("{}")
    begin_run({}, "own.yaml", {})
    assert old.exists()
    os.utime(old, (0, 0))
    begin_run({}, "own.yaml", {})
    assert not old.exists()


def test_a_changed_config_is_told(code):
    configs = code_of([], [code])
    assert changed_files(configs) == []
    code.write_text("x = 3\n")
    assert changed_files(configs) == [str(code)]
