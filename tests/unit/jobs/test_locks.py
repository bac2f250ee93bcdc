"""One writer at a time, one job per GPU at a time, and no retry of failures that it cannot fix."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from repository import LIBRARY

from manybaskets.errors import PassingError, UserError
from manybaskets.jobs import devices, locks
from manybaskets.jobs.environment import RUN
from manybaskets.jobs.locks import WriterLock


def run_job(log: Path, body: str, run: str = "") -> subprocess.Popen:
    code = (
        f"import sys; sys.path.insert(0, {str(LIBRARY)!r})\nimport time\n"
        "from manybaskets.errors import PassingError, UserError\n"
        f"from manybaskets.jobs.job import job\nwith job({str(log)!r}):\n    {body}\n"
    )
    known = {k: v for k, v in os.environ.items() if k != RUN} | ({RUN: run} if run else {})
    return subprocess.Popen(
        [sys.executable, "-c", code], env=known, stderr=subprocess.PIPE, text=True
    )


def finished(process: subprocess.Popen) -> tuple[int, str]:
    printed = process.communicate(timeout=60)[1]
    return process.returncode, printed


def test_a_second_writer_is_told_who_writes(tmp_path, monkeypatch):
    first, second = (WriterLock(tmp_path / "lock", "rows") for _ in range(2))
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    first.acquire()
    with pytest.raises(PassingError, match="another job is writing the same rows") as error:
        second.acquire()
    assert f"job 4711, process {os.getpid()}" in error.value.where
    first.release()
    second.acquire()
    second.release()
    assert not list(tmp_path.iterdir())


def test_a_lock_that_was_removed_meanwhile_is_no_lock(tmp_path, monkeypatch):
    """The holder removes its file between the other's opening and locking of it."""
    path = tmp_path / "lock"
    real, calls = locks.fcntl.flock, []

    def flock(file, kind):
        if not calls:
            path.unlink()
        calls.append(kind)
        real(file, kind)

    monkeypatch.setattr(locks.fcntl, "flock", flock)
    lock = WriterLock(path, "rows")
    lock.acquire()
    assert len(calls) == 2 and "process" in path.read_text()
    lock.release()


def test_a_file_system_without_locks_is_named(tmp_path, monkeypatch):
    def refuse(file, kind):
        raise OSError(locks.errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(locks.fcntl, "flock", refuse)
    with pytest.raises(UserError, match="the file system does not support locks") as error:
        WriterLock(tmp_path / "lock", "rows").acquire()
    assert not isinstance(error.value, PassingError) and "Lustre" in error.value.expected


def test_the_second_job_of_the_same_work_stops_and_the_next_takes_over(tmp_path):
    log, started = tmp_path / "log", tmp_path / "started"
    first = run_job(log, f"open({str(started)!r}, 'w').close(); time.sleep(60)")
    while not started.exists():
        time.sleep(0.05)
    code, printed = finished(run_job(log, "print('second')"))
    assert code == 1
    assert (
        "another job is writing the same results" in printed and f"process {first.pid}" in printed
    )
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert finished(run_job(log, "print('third')")) == (0, "")
    assert log.read_text() == "third\n"
    assert not (tmp_path / ".log.lock").exists()


def test_a_mistake_is_not_tried_again_in_the_same_run(tmp_path):
    log, tries = tmp_path / "log", tmp_path / "tries"
    body = (
        f"open({str(tries)!r}, 'a').write('x'); raise UserError('wrong', 'here', 'right', 'mend')"
    )
    told = [finished(run_job(log, body, "monday")) for _ in range(3)]
    assert tries.read_text() == "x"
    assert all(code == 1 and "ERROR: wrong" in printed for code, printed in told)
    assert (
        "Not retried: a retry cannot fix this." in told[1][1] and "ERROR: wrong" in log.read_text()
    )
    finished(run_job(log, body, "tuesday"))
    finished(run_job(log, body))
    assert tries.read_text() == "xxx"


def test_what_may_pass_is_tried_again(tmp_path):
    log, tries = tmp_path / "log", tmp_path / "tries"
    mark = f"open({str(tries)!r}, 'a').write('x'); "
    for body in ("raise PassingError('busy', 'here', 'idle', 'wait')", "1 / 0"):
        for _ in range(2):
            assert finished(run_job(log, mark + body, "monday"))[0] == 1
    assert tries.read_text() == "xxxx"


def test_each_job_has_gpus_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(devices.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(devices, "SECONDS_BETWEEN_CLAIMS", 0.0)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,5")
    with devices.claimed(2):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1"
        held, names = devices._claim(1, ["0", "1", "5"])
        assert names == ["5"]

        class Waited(Exception):
            pass

        def give_up(seconds):
            raise Waited

        monkeypatch.setattr(devices.time, "sleep", give_up)
        with pytest.raises(Waited):
            devices._claim(1, ["0", "1", "5"])
        held[0].release()
        assert devices._claim(1, ["0", "1", "5"])[1] == ["5"]
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1,5"
    with pytest.raises(UserError, match="needs 4 GPUs, but this machine has 3"), devices.claimed(4):
        pass


def test_the_gpus_that_a_scheduler_gave_are_counted(monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    with devices.claimed(2):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "2,3"
    with devices.claimed(1):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "2"
    with pytest.raises(PassingError, match="requested 4 GPUs but sees only 2"), devices.claimed(4):
        pass
    with devices.claimed(0):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "2,3"


def test_a_machine_without_gpus_runs_on(monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(devices, "_devices", list)
    with devices.claimed(2):
        assert "CUDA_VISIBLE_DEVICES" not in os.environ
