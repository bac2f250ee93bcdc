"""The journal: nothing lost, doubled or reused wrongly."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from repository import LIBRARY

from manybaskets.errors import UserError
from manybaskets.jobs.journal import Journal


def row(number: int) -> dict:
    return {"key": f"p{number}", "text": f"answer {number}"}


def test_rows_come_back_and_are_not_doubled(tmp_path):
    with Journal(tmp_path, {"temperature": 0.7}) as journal:
        journal.append([row(1), row(2)])
        journal.append([row(2), row(3)])
    with Journal(tmp_path, {"temperature": 0.7}) as journal:
        assert sorted(journal.rows) == ["p1", "p2", "p3"]
        lines = journal.path.read_text().splitlines()
    assert len(lines) == 4  # settings and three rows


def test_other_settings_reuse_nothing(tmp_path):
    with Journal(tmp_path, {"temperature": 0.7}) as journal:
        journal.append([row(1)])
    with Journal(tmp_path, {"temperature": 0.8}) as journal:
        assert not journal.rows


@settings(max_examples=40, deadline=None)
@given(cut=st.integers(min_value=0, max_value=400))
def test_a_file_cut_anywhere_loses_only_the_torn_row(tmp_path_factory, cut):
    folder = tmp_path_factory.mktemp("journal")
    with Journal(folder, {}) as journal:
        for number in range(4):
            journal.append([row(number)])
    whole = journal.path.read_bytes()
    journal.path.write_bytes(whole[:cut])
    complete = whole[:cut].count(b"\n")
    with Journal(folder, {}) as journal:
        assert len(journal.rows) == max(0, complete - 1)
        journal.append([row(number) for number in range(4)])
    with Journal(folder, {}) as journal:
        assert len(journal.rows) == 4
        assert all(json.loads(line) for line in journal.path.read_text().splitlines())


def test_a_damaged_line_in_the_middle_is_an_error(tmp_path):
    with Journal(tmp_path, {}) as journal:
        journal.append([row(1), row(2)])
    lines = journal.path.read_text().splitlines()
    lines[1] = lines[1][:10]
    journal.path.write_text("\n".join(lines) + "\n")
    with pytest.raises(UserError, match="damaged") as error, Journal(tmp_path, {}):
        pass
    assert "line 2" in error.value.where


WRITER = """
import sys, time
sys.path.insert(0, {library!r})
from manybaskets.jobs.journal import Journal
with Journal({folder!r}, {{}}) as journal:
    for number in range(10_000):
        journal.append([{{"key": f"p{{number}}", "text": "x" * 50}}])
        if number == 5:
            print("writing", flush=True)
"""


@pytest.fixture()
def writer(tmp_path):
    library = str(LIBRARY)
    code = WRITER.format(library=library, folder=str(tmp_path))
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "writing\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_writer_stops_and_is_told_who_writes(tmp_path, writer):
    with pytest.raises(UserError, match="another job") as error, Journal(tmp_path, {}):
        pass
    assert f"process {writer.pid}" in error.value.where


def test_kill_9_frees_the_journal_and_keeps_its_rows(tmp_path, writer):
    time.sleep(0.05)
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    with Journal(tmp_path, {}) as journal:
        found = sorted(int(key[1:]) for key in journal.rows)
    assert len(found) > 5
    assert found == list(range(len(found)))


def test_a_full_disk_is_told_and_the_rows_before_it_stay(tmp_path):
    """On a real file system of 64 KiB, made for this test."""
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        written = 0
        with pytest.raises(OSError, match="No space left"), Journal(small, {}) as journal:
            for number in range(10_000):
                journal.append([row(number) | {"text": "x" * 1000}])
                written = number + 1
        (small / "other").unlink(missing_ok=True)
        subprocess.run(["mount", "-o", "remount,size=1m", str(small)], check=True)
        with Journal(small, {}) as journal:
            assert len(journal.rows) == written > 10
            journal.append([row(20_000)])
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_flipped_bit_in_a_row_is_an_error(tmp_path):
    """Also one that leaves the line JSON: a letter of an answer, a digit of a number."""
    with Journal(tmp_path, {"temperature": 0.7}) as journal:
        journal.append([row(1) | {"tokens": 12}, row(2)])
    whole = journal.path.read_bytes()
    for old, new in ((b"answer 1", b"answes 1"), (b"12", b"13"), (b"0.7", b"0.6")):
        journal.path.write_bytes(whole.replace(old, new, 1))
        with pytest.raises(UserError, match="damaged"), Journal(tmp_path, {"temperature": 0.7}):
            pass
    journal.path.write_bytes(whole)
    with Journal(tmp_path, {"temperature": 0.7}) as journal:
        assert journal.rows["p1"] == row(1) | {"tokens": 12}


def test_rows_of_an_older_version_have_no_checksum(tmp_path):
    with Journal(tmp_path, {}) as journal:
        pass
    lines = [{"settings": {}}, row(1), row(2)]
    journal.path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with Journal(tmp_path, {}) as journal:
        assert journal.rows == {"p1": row(1), "p2": row(2)}
