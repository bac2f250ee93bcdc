"""Every writer on a full disk: it is said, nothing half-written stays, and the next run heals."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from repository import LIBRARY

WRITERS = {
    "a table": "write_table(pl.DataFrame({'text': texts}), file)",
    "a JSON file": "write_json(texts, file)",
    "a text": "write_text(''.join(texts), file)",
    "a journal": "fill_journal(file)",
    "an array": "save_array(file)",
    "an adapter": "save_weights(file)",
}
SCRIPT = """
import os, random, sys; sys.path.insert(0, {library!r})
from pathlib import Path
import numpy as np, polars as pl
from manybaskets.jobs.job import job
from manybaskets.jobs.journal import Journal
from manybaskets.records.writing import whole_file, write_json, write_table, write_text

texts = [random.Random(n).randbytes(64).hex() for n in range(3000)]

def fill_journal(file):
    with Journal(file, {{}}) as journal:
        for number, text in enumerate(texts):
            journal.append([{{"key": str(number), "text": text}}])

def save_array(file):
    with whole_file(file) as partial, open(partial, "wb") as handle:
        np.save(handle, np.random.default_rng(1).random(60_000))

def save_weights(file):
    from safetensors.numpy import save_file
    with whole_file(file) as partial:
        save_file({{"lora": np.random.default_rng(1).random(60_000)}}, partial)

file = Path({file!r})
with job({log!r}):
    {body}
"""


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 128 KiB that can be enlarged."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(folder)]
    mounted = subprocess.run(mount, capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def write(folder: Path, writer: str, log: Path) -> subprocess.CompletedProcess:
    names = {"library": str(LIBRARY), "file": str(folder / "result"), "log": str(log)}
    code = SCRIPT.format(**names, body=WRITERS[writer])
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


@pytest.mark.parametrize("full_logs", [False, True], ids=["", "with-its-log"])
@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_disk_is_named_and_heals(small_disk, tmp_path, survived, writer, full_logs):
    log = (small_disk if full_logs else tmp_path) / "log"
    full = write(small_disk, writer, log)
    assert full.returncode == 1 and "the disk is full" in full.stderr, full.stderr
    assert "Traceback" not in full.stderr and "looks like a bug" not in full.stderr
    assert not list(small_disk.glob("*.partial")) and not list(small_disk.glob(".*.partial"))
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    assert write(small_disk, writer, log).returncode == 0
    assert (small_disk / "result").exists()
    survived("a writer on a full disk says so, leaves nothing half-written and heals")
