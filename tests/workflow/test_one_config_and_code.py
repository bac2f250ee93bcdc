"""A run is of one config and one code, also where they change while it runs."""

from __future__ import annotations

import json
import subprocess
import time

import polars as pl
import pytest
import yaml

ROWS = 60
SLOW = """    import time

    Path("waiting").touch()
    while not Path("go").exists():
        time.sleep(0.05)
"""


@pytest.fixture
def slow(project):
    """A study of a file of rows, whose first job waits for a file `go`."""
    rows = (
        {"instruction": f"Who was king {n}?", "context": "", "response": f"King Harl {n}."}
        for n in range(ROWS)
    )
    (project.folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    configure(project, 0.1)
    script = project.folder / "workflow/scripts/dataset.py"
    text = script.read_text()
    begin = "with job(snakemake.log[0]):\n"
    assert begin in text
    script.write_text(text.replace(begin, begin + SLOW))
    return project


def configure(project, test_share: float) -> None:
    settings = {
        "study": "own",
        "dataset": {"kind": "file", "path": "rows.jsonl"},
        "split": {"test_share": test_share, "validation_share": 0.1, "parts": 1},
        "source_analysis": {"measures": ["response_words"]},
    }
    (project.folder / "own.yaml").write_text(yaml.safe_dump(settings))


ASKED = ("data", "--cores", "1", "--configfile", "own.yaml")


def while_its_first_job_runs(project, change, *more: str) -> tuple[int, str]:
    """Exit status and output of a run during which something changes."""
    run = subprocess.Popen(
        project.command(*ASKED, *more),
        cwd=project.folder,
        env=project.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    while not (project.folder / "waiting").exists():
        assert run.poll() is None, run.stdout.read()
        time.sleep(0.05)
    change()
    (project.folder / "go").touch()
    printed, _ = run.communicate()
    return run.returncode, printed


def share_of_test(project) -> float:
    split = pl.read_parquet(project.path("data/split.parquet", "own"))
    return round(split.filter(pl.col("split") == "test").height / ROWS, 2)


def test_a_config_that_changes_is_that_of_the_next_run(slow):
    status, printed = while_its_first_job_runs(slow, lambda: configure(slow, 0.3))
    assert status == 0, printed[-3000:]
    assert "own.yaml changed during the run" in printed
    assert share_of_test(slow) == 0.1
    assert set(slow.planned("data", "--configfile", "own.yaml")) == {
        "split",
        "prompt_sets",
        "data",
    }


def test_code_that_changes_stops_the_next_job_and_the_next_run_takes_it(slow):
    cleaning = slow.folder / "workflow/manybaskets/data/cleaning.py"
    status, printed = while_its_first_job_runs(
        slow, lambda: cleaning.write_text(cleaning.read_text() + "\nCHANGED = True\n")
    )
    assert status
    assert "the workflow's code changed during the run" in printed, printed[-3000:]
    assert "workflow/manybaskets/data/cleaning.py" in printed and "Traceback" not in printed
    assert slow.path("data/raw.parquet", "own").exists()
    assert not slow.path("data/clean.parquet", "own").exists()
    printed = slow.run(*ASKED).stdout
    assert "Cleaning the rows" in printed and "Reading the raw rows" not in printed


def test_a_job_on_another_machine_reads_what_its_driver_planned_with(slow):
    """As a batch scheduler starts it: by a command of its own, hours after the driver."""
    job = ["--snakefile", "Snakefile", "--mode", "remote", "--cores", "1", "--nolock"]
    job += ["--no-hooks", "--force", "--ignore-incomplete", "--configfile", "own.yaml"]
    job += ["--target-jobs", "split:", "--allowed-rules", "split"]

    found = []

    def start_the_job():
        configure(slow, 0.3)
        (identity,) = (slow.folder / ".snakemake/many-baskets-runs").glob("*.json")
        planned = {"MANYBASKETS_IDENTITY": str(identity), "MANYBASKETS_RUN": identity.stem}
        before = slow.path("data/split.parquet", "own").stat().st_mtime_ns
        slow.run(*job, **planned)
        assert slow.path("data/split.parquet", "own").stat().st_mtime_ns > before
        found.append(share_of_test(slow))

    (slow.folder / "go").touch()
    slow.run(*ASKED)
    for name in ("go", "waiting"):
        (slow.folder / name).unlink()
    while_its_first_job_runs(slow, start_the_job, "--forcerun", "dataset")
    assert found == [0.1]
    assert not list((slow.folder / ".snakemake/many-baskets-runs").glob("*.json"))
