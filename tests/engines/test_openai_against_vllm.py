"""The `openai` engine against vLLM's own server, in a process of its own, with a tiny model."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import polars as pl
import pytest

from manybaskets.config.engines import OpenAISettings
from manybaskets.config.models import Prompting
from manybaskets.config.sampling import Sampling
from manybaskets.engines.openai_engine import OpenAIEngine
from manybaskets.engines.transformers_engine import TransformersEngine
from manybaskets.errors import UserError
from manybaskets.generation.answering import AnswerSettings, answer_prompts
from manybaskets.records.responses import PROMPTS, read_responses
from manybaskets.records.writing import read_metadata

SERVED = "tiny-2026-11"


def free_port() -> int:
    """A port that nobody listens on, below those that systems hand out for connections: the server
    takes it only after half a minute."""
    for port in range(20000 + os.getpid() % 10000, 32768):
        with socket.socket() as trial:
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")


@pytest.fixture(scope="module")
def address(vllm_python, vllm_environment, models, tmp_path_factory):
    """Address of a running server."""
    port = free_port()
    options = {
        "model": models["llama"],
        "served-model-name": SERVED,
        "host": "127.0.0.1",
        "port": port,
        "dtype": "float32",
        "max-model-len": 256,
        "generation-config": "vllm",
        "kv-cache-memory-bytes": 1 << 28,
    }
    # Parts of prompts and seeds do not go together on a CPU; see the engine `vllm`.
    flags = ["--enforce-eager", "--no-enable-chunked-prefill"]
    command = [vllm_python, "-m", "vllm.entrypoints.openai.api_server", *flags]
    command += [text for name, value in options.items() for text in (f"--{name}", str(value))]
    log = tmp_path_factory.mktemp("server") / "log"
    with log.open("w") as stream:
        own = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
        own["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"  # a process less to start
        server = subprocess.Popen(
            command, env=vllm_environment | own, stdout=stream, stderr=subprocess.STDOUT
        )
    try:
        wait_until_healthy(server, f"http://127.0.0.1:{port}/health", log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def wait_until_healthy(server: subprocess.Popen, health: str, log: Path) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()[-4000:]
        try:
            with urllib.request.urlopen(health, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"the server does not answer: {log.read_text()[-4000:]}")


def client(address: str, **settings) -> OpenAIEngine:
    settings = {"key_variable": None, "concurrency": 16, "retries": 0} | settings
    return OpenAIEngine(
        OpenAISettings(base_url=address, served_model=SERVED, **settings), Prompting(), "tiny", 1.0
    )


@pytest.fixture(scope="module")
def local(models) -> TransformersEngine:
    return TransformersEngine(models["llama"], Prompting(), "float32", 2, "tiny")


@pytest.fixture(scope="module")
def prompts(questions) -> pl.DataFrame:
    """Short questions, every third one with a second after its answer."""
    short = [row for row in questions if len(row["instruction"] + row["context"]) < 120][:30]
    assert len(short) == 30
    columns = {
        "prompt_id": [f"p{place:02d}" for place in range(30)],
        "instruction": [row["instruction"] for row in short],
        "context": [row["context"] for row in short],
        "follow_ups": [["Who founded it?"] if place % 3 == 0 else [] for place in range(30)],
    }
    return pl.DataFrame(columns, schema=PROMPTS)


def answer(engine, prompts, folder, **sampling) -> pl.DataFrame:
    how = AnswerSettings(
        who="tiny",
        sampling=Sampling(**{"max_new_tokens": 40} | sampling),
        batch_size=30,
        max_prompt_tokens=200,
        max_error_share=0.0,
        study_seed=3,
        work=folder / "work",
    )
    answer_prompts(prompts, engine, how, folder / "responses.parquet")
    return read_responses(folder / "responses.parquet")


def test_greedy_conversations_are_those_of_the_model_at_hand(address, local, prompts, tmp_path):
    """Same texts, reasons to end and token counts, on the first turn and on the second."""
    served = answer(client(address), prompts, tmp_path / "served", temperature=0.0)
    at_hand = answer(local, prompts, tmp_path / "local", temperature=0.0)
    assert served.height == 40 and served["text"].n_unique() > 10
    assert served.rows() == at_hand.rows()
    assert set(served["finish_reason"]) <= {"stop", "length"}
    metadata = read_metadata(tmp_path / "served" / "responses.parquet")
    assert metadata["served"] == [SERVED] and metadata["engine"] == "openai"


def test_an_answer_that_is_cut_says_so(address, prompts, tmp_path):
    cut = answer(client(address), prompts, tmp_path, temperature=0.0, max_new_tokens=4)
    assert set(cut["finish_reason"]) == {"length"} and set(cut["completion_tokens"]) == {4}


def test_a_seed_gives_its_answer_again(address, prompts, tmp_path):
    """Also in other company; rounding may flip a rare draw."""
    one, other = (
        answer(client(address, concurrency=places), prompts, tmp_path / str(places))
        for places in (8, 30)
    )
    first = [frame.filter(pl.col("turn") == 0)["text"] for frame in (one, other)]
    assert (first[0] == first[1]).sum() >= 28
    assert first[0].n_unique() > 20
    unseeded = answer(client(address, send_seed=False), prompts, tmp_path / "unseeded")
    assert (unseeded.filter(pl.col("turn") == 0)["text"] == first[0]).sum() < 15


def test_what_the_server_does_not_serve_is_told(address, prompts, tmp_path):
    wrong = OpenAIEngine(
        OpenAISettings(base_url=address, served_model="large", key_variable=None),
        Prompting(),
        "tiny",
        1.0,
    )
    with pytest.raises(UserError, match="404.*`large` does not exist"):
        answer(wrong, prompts, tmp_path / "wrong")
    with pytest.raises(UserError, match="rejects every request.*max_model_len=256"):
        answer(client(address), prompts, tmp_path / "long", max_new_tokens=5000)
