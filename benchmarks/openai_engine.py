"""The `openai` engine against a server that answers every request after the same time.

    python benchmarks/openai_engine.py [--requests 2000] [--concurrency 64] [--seconds 0.05] [--runs 7]

The ideal time is that of a client that takes none itself: requests / concurrency, rounded up, times
the server's time. The engine runs through `answer_prompts`, with rendering, journal and checked
responses; the server is a process of its own. The same requests by bare aiohttp, without retries,
journal or any check, show what this machine allows. Runs alternate; medians are compared.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow"))

import aiohttp  # noqa: E402
import polars as pl  # noqa: E402

from manybaskets.config.engines import OpenAISettings  # noqa: E402
from manybaskets.config.models import Prompting  # noqa: E402
from manybaskets.config.sampling import Sampling  # noqa: E402
from manybaskets.engines.openai_engine import OpenAIEngine  # noqa: E402
from manybaskets.generation.answering import AnswerSettings, answer_prompts  # noqa: E402
from manybaskets.records.responses import PROMPTS  # noqa: E402

BUDGET = 1.3


def by_engine(url: str, prompts: pl.DataFrame, concurrency: int) -> tuple[float, float]:
    """Seconds, on the wall and of this process's CPU."""
    settings = OpenAISettings(
        base_url=url, served_model="stub", key_variable=None, concurrency=concurrency
    )
    engine = OpenAIEngine(settings, Prompting(), "stub", 1.0)
    with tempfile.TemporaryDirectory() as folder:
        how = AnswerSettings(
            who="stub",
            sampling=Sampling(),
            batch_size=1,
            max_prompt_tokens=768,
            max_error_share=0.0,
            study_seed=1,
            work=Path(folder) / "work",
        )
        start, busy = time.perf_counter(), time.process_time()
        frame = answer_prompts(prompts, engine, how, Path(folder) / "responses.parquet")
        seconds = time.perf_counter() - start, time.process_time() - busy
    if not (frame.height == prompts.height and (frame["finish_reason"] == "stop").all()):
        raise SystemExit("not every request was answered")
    return seconds


def by_aiohttp(url: str, prompts: pl.DataFrame, concurrency: int) -> tuple[float, float]:
    """The same for the bare requests."""
    waiting = iter(prompts["instruction"].to_list())

    async def work(session: aiohttp.ClientSession) -> None:
        for text in waiting:
            system = {"role": "system", "content": Prompting().system_prompt}
            body = {"model": "stub", "messages": [system, {"role": "user", "content": text}]}
            async with session.post(f"{url}/chat/completions", json=body) as response:
                await response.json()

    async def all_of_them() -> None:
        connector = aiohttp.TCPConnector(limit=concurrency)
        async with aiohttp.ClientSession(connector=connector) as session:
            await asyncio.gather(*(work(session) for _ in range(concurrency)))

    start, busy = time.perf_counter(), time.process_time()
    asyncio.run(all_of_them())
    return time.perf_counter() - start, time.process_time() - busy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=0.05, help="the server's time per answer")
    parser.add_argument("--runs", type=int, default=7)
    arguments = parser.parse_args()
    count, concurrency = arguments.requests, arguments.concurrency
    prompts = pl.DataFrame(
        {
            "prompt_id": [f"p{number:05d}" for number in range(count)],
            "instruction": [f"Who founded town {number}, and why?" for number in range(count)],
            "context": [""] * count,
            "follow_ups": [[] for _ in range(count)],
        },
        schema=PROMPTS,
    )
    ideal = math.ceil(count / concurrency) * arguments.seconds
    command = [sys.executable, str(ROOT / "tests/unit/support/stub_server.py")]
    command += ["--seconds", str(arguments.seconds)]
    walls: dict[str, list[float]] = {"engine": [], "bare aiohttp": []}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            url = server.stdout.readline().strip()
            for run in range(arguments.runs + 1):  # the first warms up
                for name, ask in (("engine", by_engine), ("bare aiohttp", by_aiohttp)):
                    wall, busy = ask(url, prompts, concurrency)
                    if run:
                        walls[name].append(wall)
                        print(f"{name}: {wall:.2f} s, of them {busy:.2f} s CPU, "
                              f"ratio {wall / ideal:.2f}", flush=True)  # fmt: skip
        finally:
            server.kill()
    print(f"{count} requests, {concurrency} at a time: ideal {ideal:.2f} s")
    ratios = {name: statistics.median(found) / ideal for name, found in walls.items()}
    for name, ratio in ratios.items():
        print(f"{name}: median {ratio * ideal:.2f} s, ratio {ratio:.2f}")
    if ratios["engine"] > BUDGET:
        raise SystemExit(f"the engine's ratio is above {BUDGET}")


if __name__ == "__main__":
    main()
