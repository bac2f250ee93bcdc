"""What a job prints when it fails: a message on the terminal, everything else in its log."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from repository import LIBRARY

from manybaskets.jobs import installation
from manybaskets.jobs.journal import Journal


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
