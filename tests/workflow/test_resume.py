"""A job killed or told to end in the middle of generation: no row lost, doubled or changed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time

import pytest

from manybaskets.records.responses import read_responses


def journal_rows(folder) -> int:
    return sum(max(0, file.read_bytes().count(b"\n") - 1) for file in folder.glob("0-of-1/*.jsonl"))


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM], ids=lambda s: s.name)
def test_an_ended_shard_resumes_to_the_same_bytes(copy_of_finished, end):
    project = copy_of_finished
    whole = project.path("sources/qwen/train.parquet")
    expected = whole.read_bytes()
    shutil.rmtree(whole.parent)
    work = project.path("work/sources/qwen")
    shutil.rmtree(work)
    target = str(whole.relative_to(project.folder))
    process = subprocess.Popen(
        project.command("--cores", "1", target),
        cwd=project.folder,
        env=project.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 300
    while journal_rows(work) < 200 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
    workers = subprocess.run(["pgrep", "-f", "-g", str(os.getpgid(process.pid)), "generate.py"],
                             capture_output=True, text=True).stdout.split()  # fmt: skip
    assert workers, "the worker ended before it could be killed"
    for worker in workers:
        os.kill(int(worker), end)
    told = time.monotonic()
    printed, _ = process.communicate()
    assert time.monotonic() - told < 10
    assert ("SIGTERM" in printed) == (end == signal.SIGTERM)
    assert process.returncode != 0
    assert "results/embedded/logs/sources/qwen/0-of-1.log" in printed
    kept = journal_rows(work)
    total = read_responses_count(expected, project)
    assert 200 <= kept < total
    assert not whole.exists()

    project.run("--cores", "1", target)
    log = project.path("logs/sources/qwen/0-of-1.log").read_text()
    assert f"reusing {kept} finished rows" in log
    assert whole.read_bytes() == expected
    assert read_responses(whole)["prompt_id"].is_unique().all()


def read_responses_count(content: bytes, project) -> int:
    file = project.folder / "expected.parquet"
    file.write_bytes(content)
    return read_responses(file).height
