"""What a job prints when it fails: a message on the terminal, everything else in its log."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from repository import LIBRARY

from manybaskets.errors import UserError
from manybaskets.jobs import installation
from manybaskets.jobs.journal import Journal
from manybaskets.records.made_files import check_inputs


def run_job(log: Path, body: str) -> subprocess.CompletedProcess:
    code = (
        f"import sys; sys.path.insert(0, {str(LIBRARY)!r})\n"
        "from pathlib import Path\nfrom manybaskets.errors import UserError\n"
        f"from manybaskets.jobs.job import job\nwith job({str(log)!r}):\n    {body}\n"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_a_mistake_of_the_user_is_told_without_a_traceback(tmp_path):
    done = run_job(tmp_path / "log", "raise UserError('wrong', 'here', 'right', 'mend it')")
    assert done.returncode == 1
    for part in (
        "ERROR: wrong",
        "where:    here",
        "to do:    mend it",
        f"log:      {tmp_path}/log",
    ):
        assert part in done.stderr
    assert "Traceback" not in done.stderr
    assert "ERROR: wrong" in (tmp_path / "log").read_text()


def test_an_unforeseen_error_has_its_traceback_in_the_log_only(tmp_path):
    done = run_job(tmp_path / "log", "print('before'); 1 / 0")
    assert done.returncode == 1 and done.stdout == ""
    assert "ZeroDivisionError" in done.stderr and "Traceback" not in done.stderr
    log = (tmp_path / "log").read_text()
    assert "before" in log and "Traceback" in log


def test_a_package_of_an_extra_that_is_missing_is_named_with_its_extra(monkeypatch):
    listed = ["numpy>=2", 'scikit-learn<2,>=1.9; extra == "analysis"', "torch; extra == 'models'"]
    monkeypatch.setattr(installation, "requires", lambda name: listed)
    error = ModuleNotFoundError("No module named 'sklearn'", name="sklearn.manifold")
    message = str(installation.missing_package(error))
    assert "the package `sklearn` is not installed" in message
    assert "pip install -c constraints.txt -e '.[analysis]'" in message
    for name in ("numpy", "nowhere", None):
        assert installation.missing_package(ModuleNotFoundError("", name=name)) is None


def test_an_import_that_no_extra_has_is_unforeseen(tmp_path):
    done = run_job(tmp_path / "log", "import nowhere_at_all")
    assert done.returncode == 1 and "ModuleNotFoundError" in done.stderr


def test_a_job_that_succeeds_is_silent(tmp_path):
    done = run_job(tmp_path / "log", "print('fine')")
    assert done.returncode == 0 and done.stdout == done.stderr == ""
    assert (tmp_path / "log").read_text() == "fine\n"


def test_a_full_disk_is_told_even_where_the_log_lies_on_it(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        body = f"Path({str(small / 'rows')!r}).write_bytes(b'x' * 200_000)"
        done = run_job(small / "log", body)
        assert done.returncode == 1
        assert "the disk is full" in done.stderr and "finished rows are kept" in done.stderr
        assert "Traceback" not in done.stderr
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_sigterm_ends_the_job_in_order_and_keeps_its_rows(tmp_path):
    body = (
        "from manybaskets.jobs.journal import Journal\n"
        f"    with Journal({str(tmp_path / 'work')!r}, {{}}) as journal:\n"
        "        for number in range(10**6):\n"
        "            try:\n"
        "                journal.append([{'key': str(number)}])\n"
        "            except Exception:\n"
        "                pass  # whatever takes failures for something to try again\n"
    )
    code = (
        f"import sys; sys.path.insert(0, {str(LIBRARY)!r})\n"
        f"from manybaskets.jobs.job import job\nwith job({str(tmp_path / 'log')!r}):\n    {body}\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not any((tmp_path / "work").glob("*.jsonl")):
        time.sleep(0.02)
    time.sleep(0.2)
    process.terminate()
    told = time.monotonic()
    _, printed = process.communicate()
    assert time.monotonic() - told < 10
    assert process.returncode == 1
    assert "SIGTERM" in printed and "finished rows" in printed and "Traceback" not in printed
    with Journal(tmp_path / "work", {}) as journal:
        keys = sorted(map(int, journal.rows))
    assert len(keys) > 5 and keys == list(range(len(keys)))


HOSTILE = "a server says \x1b[2J\x07 and \udcff, then \u202etxt.exe"


@pytest.mark.parametrize(
    "body",
    [
        f"raise UserError({HOSTILE!r}, 'here', 'right', 'wait')",
        f"raise ValueError({HOSTILE!r})",
        f"print({HOSTILE!r}); raise UserError('wrong', 'here', 'right', 'wait')",
        f"raise KeyError({{'column': {HOSTILE!r}}})",
    ],
    ids=["user", "unforeseen", "printed", "quoted"],
)
def test_what_steers_a_terminal_is_shown_as_an_escape_and_the_lock_is_released(tmp_path, body):
    done = run_job(tmp_path / "log", body)
    log = (tmp_path / "log").read_text(encoding="utf-8")
    assert done.returncode == 1 and "ERROR" in done.stderr and "ERROR" in log
    for text in (done.stderr, log):
        assert not [character for character in "\x1b\x07\udcff\u202e" if character in text]
    assert "\\x1b[2J" in log and "\\udcff" in log
    assert not list(tmp_path.glob(".log.lock"))


def test_a_progress_bar_stays_one_line(tmp_path):
    assert run_job(tmp_path / "log", "print('\\r50 %', end=''); print('\\r99 %')").returncode == 0
    assert (tmp_path / "log").read_bytes() == b"\r50 %\r99 %\n"


def test_a_full_disk_that_a_library_reports_is_told_without_a_traceback(tmp_path):
    body = "import polars; raise polars.exceptions.ComputeError('No space left on device')"
    done = run_job(tmp_path / "log", body)
    assert "the disk is full" in done.stderr and "looks like a bug" not in done.stderr
    assert "Traceback" not in (tmp_path / "log").read_text()


OF_SNAKEMAKE = """
import sys; sys.path.insert(0, {library!r})
from pathlib import Path
from types import SimpleNamespace
from manybaskets.jobs.job import job
snakemake = SimpleNamespace(
    rule="collect", input=["results/s/shard.parquet"], output=["results/s/answers.txt"]
)
with job("results/s/logs/collect.log"):
    {body}
"""


def run_script(folder: Path, body: str) -> subprocess.CompletedProcess:
    """A script of a rule, which reads a shard and writes answers, with a terminal that says yes."""
    code = OF_SNAKEMAKE.format(library=str(LIBRARY), body=body)
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, input="yes\n" * 9
    )


def test_a_job_records_its_outputs_and_the_next_one_checks_them(tmp_path):
    shard = tmp_path / "results/s/shard.parquet"
    shard.parent.mkdir(parents=True)
    write = "Path(snakemake.output[0]).write_text('answers')"
    pl.DataFrame({"text": ["a"]}).write_parquet(shard)
    assert run_script(tmp_path, write).returncode == 0
    with pytest.raises(UserError, match="the content of .*answers.txt changed"):
        (tmp_path / "results/s/answers.txt").write_text("Answers")
        check_inputs(tmp_path / "results/s", [tmp_path / "results/s/answers.txt"])
    shard.write_bytes(b"")
    done = run_script(tmp_path, write)
    assert done.returncode == 1
    assert "results/s/shard.parquet is empty" in done.stderr and "rm -r" in done.stderr


def test_a_job_has_no_terminal_that_could_answer_a_library(tmp_path):
    """`yes | snakemake` must not agree to run code from a model's folder."""
    done = run_script(tmp_path, "input('Run custom code? [y/N] ')")
    assert done.returncode == 1 and "EOFError" in done.stderr
