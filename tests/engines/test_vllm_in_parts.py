"""A model split over two workers, as over two GPUs; here each has a core of its own."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import psutil
import pytest
from answer_with import opened, take

HERE = Path(__file__).resolve().parent


@pytest.fixture()
def parted(vllm_python, vllm_environment, models, questions, tmp_path):
    """A process that has answered, and what it wrote."""
    (tmp_path / "questions.json").write_text(json.dumps(questions[:20]))
    files = [tmp_path / name for name in ("questions.json", "answers.json", "runs")]
    cores = sorted(os.sched_getaffinity(0))
    bound = {"VLLM_CPU_OMP_THREADS_BIND": f"{cores[0]}|{cores[-1]}"}
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [vllm_python, HERE / "answer_in_two.py", models["llama"], *files],
            env=vllm_environment | bound,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    deadline = time.monotonic() + 180
    while not files[1].exists():
        assert process.poll() is None, (tmp_path / "log").read_text()[-4000:]
        assert time.monotonic() < deadline, (tmp_path / "log").read_text()[-4000:]
        time.sleep(0.1)
    yield process, json.loads(files[1].read_text()), files[2].read_text()
    process.kill()
    process.wait()


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_two_workers_answer_as_one_and_end_with_their_job(parted, models, questions):
    process, written, runs = parted
    folder = str(models["llama"])
    room = {"max_prompt_tokens": 160, "max_new_tokens": 40}
    whole = opened({"kind": "transformers", "name": "llama", "folder": folder} | room)
    greedy = {"temperature": 0.0, "max_new_tokens": 40}
    step = {"adapter": None, "prompts": questions[:20], "sampling": greedy}
    expected = [text for text, _, _ in take(whole, step, room["max_prompt_tokens"])["answers"]]
    assert written["texts"] == expected
    assert runs == "run\n"  # no worker has run the script again
    assert len(written["workers"]) == 2 and all(map(alive, written["workers"]))
    process.kill()
    deadline = time.monotonic() + 20
    while any(map(alive, written["workers"])) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(alive, written["workers"]))
