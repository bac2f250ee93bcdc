"""A shard of vLLM's that is killed, ended and resumed: no row lost, doubled or made twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from manybaskets.records.responses import PROMPTS, check_responses, read_responses
from manybaskets.records.writing import read_metadata
from manybaskets.world.dataset_rows import make_pretraining

HERE = Path(__file__).resolve().parent
ROWS = 600
# Few answers at a time, so that there is time to disturb the shard; it changes no answer.
SLOW, FAST = 2, 256


@dataclass
class Shard:
    """A shard in its work folder, and the processes that work on it."""

    folder: Path
    model: Path
    python: Path
    environment: dict[str, str]
    log: str = field(default="", init=False)

    @property
    def output(self) -> Path:
        return self.folder / "responses.parquet"

    def start(self, sequences: int) -> subprocess.Popen[str]:
        names = {name: str(self.folder / name) for name in ("work", "prompts.parquet", "log")}
        wanted = {
            "folder": str(self.model),
            "prompts": names["prompts.parquet"],
            "work": names["work"],
            "output": str(self.output),
            "usage": str(self.folder / "usage.json"),
            "log": names["log"],
            "settings": {"enforce_eager": True, "max_sequences": sequences},
            "max_prompt_tokens": 160,
            "max_new_tokens": 40,
        }
        (self.folder / "shard.json").write_text(json.dumps(wanted))
        return subprocess.Popen(
            [self.python, HERE / "answer_shard.py", self.folder / "shard.json"],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def finish(self, process: subprocess.Popen[str], seconds: float) -> str:
        """Wait for the process; what it told the terminal. Its log is in `log` then."""
        printed, _ = process.communicate(timeout=seconds)
        self.log = (self.folder / "log").read_text()
        return printed

    def rows(self) -> list[dict[str, Any]]:
        """The whole lines of the journal, without its first."""
        files = list((self.folder / "work").glob("[!u]*.jsonl"))
        lines = files[0].read_bytes().split(b"\n")[1:-1] if files else []
        return [json.loads(line) for line in lines]

    def wait_for(self, rows: int, process: subprocess.Popen[str]) -> None:
        deadline = time.monotonic() + 120
        while len(self.rows()) < rows:
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline, "no rows come"
            time.sleep(0.02)


@pytest.fixture(scope="module")
def shard(vllm_python, vllm_environment, models, tmp_path_factory) -> Shard:
    folder = tmp_path_factory.mktemp("shard")
    made = make_pretraining(ROWS, 6, 2, "helper", 0.0, "shard")
    columns = {
        "prompt_id": [f"p{number:03d}" for number in range(ROWS)],
        "instruction": [row["instruction"] for row in made],
        "context": [row["context"] for row in made],
        "follow_ups": [[] for _ in made],
    }
    pl.DataFrame(columns, schema=PROMPTS).write_parquet(folder / "prompts.parquet")
    return Shard(folder, models["llama"], vllm_python, vllm_environment)


def test_a_disturbed_shard_keeps_every_finished_row(shard):
    killed = shard.start(SLOW)
    shard.wait_for(60, killed)
    os.kill(killed.pid, signal.SIGKILL)
    shard.finish(killed, 20)
    first = shard.rows()
    assert killed.returncode == -signal.SIGKILL
    assert 60 <= len(first) < ROWS and not shard.output.exists()

    ended = shard.start(SLOW)
    shard.wait_for(len(first) + 60, ended)
    os.kill(ended.pid, signal.SIGTERM)
    told = shard.finish(ended, 10)  # seconds that a scheduler leaves
    second = shard.rows()
    assert ended.returncode == 1 and "terminated (SIGTERM)" in told
    assert f"reusing {len(first)} finished rows: same settings" in shard.log
    assert second[: len(first)] == first
    assert len(first) + 60 <= len(second) < ROWS and not shard.output.exists()

    resumed = shard.start(FAST)
    shard.finish(resumed, 120)
    assert resumed.returncode == 0
    assert f"reusing {len(second)} finished rows: same settings" in shard.log
    last = shard.rows()
    assert last[: len(second)] == second
    assert len(last) == ROWS == len({row["key"] for row in last})

    responses = read_responses(shard.output)
    ids = pl.read_parquet(shard.folder / "prompts.parquet")["prompt_id"].to_list()
    check_responses(responses, ids, "responses")
    journal = pl.DataFrame([{name: row[name] for name in responses.columns} for row in last],
                           schema=responses.schema)  # fmt: skip
    assert responses.equals(journal.sort("prompt_id"))
    assert responses["prompt_tokens"].min() > 5 and responses["completion_tokens"].max() == 40
    metadata = read_metadata(shard.output)
    assert (metadata["engine"], metadata["model"], metadata["adapter"]) == ("vllm", "tiny", None)
    # The killed job left no counts.
    usage = json.loads((shard.folder / "usage.json").read_text())
    assert usage["jobs"] == 2 and usage["rows"] == ROWS - len(first)
    made = last[len(first) :]
    assert usage["completion_tokens"] == sum(row["completion_tokens"] for row in made)


def test_a_finished_shard_stays_as_it_is_and_starts_no_vllm(shard):
    whole, rows = shard.output.read_bytes(), shard.rows()
    again = shard.start(FAST)
    shard.finish(again, 120)
    assert again.returncode == 0 and shard.output.read_bytes() == whole
    assert f"reusing {ROWS} finished rows" in shard.log
    assert "Initializing a V1 LLM engine" not in shard.log
    assert shard.rows() == rows
