"""Tokens per second of the engines: batches of transformers against one prompt at a time, and vLLM.

    python benchmarks/engines.py [--model results/embedded/models/llama] [--prompts 192] [--runs 5]

The reference is plain `generate` of transformers on one prompt after the other, with the sampling
of the source. The three take turns on the same prompts and machine; vLLM runs in a process of the
environment `.venv-vllm`, started once. Prints tokens per second of answers and median ratios; fails
where batches are not at least five times as fast as one prompt at a time.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

# As the workflow sets it for its jobs: the two processes share the cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow"))

import polars as pl  # noqa: E402

from manybaskets.chat import Prompt  # noqa: E402
from manybaskets.config.engines import VllmSettings  # noqa: E402
from manybaskets.config.models import Prompting  # noqa: E402
from manybaskets.config.sampling import Sampling  # noqa: E402
from manybaskets.engines.base import LocalEngine, Request  # noqa: E402
from manybaskets.generation.answering import fixed_batches  # noqa: E402
from manybaskets.records.ids import row_seed  # noqa: E402

VLLM_PYTHON = ROOT / ".venv-vllm/bin/python"
PROMPTING = Prompting(max_prompt_tokens=160)
SAMPLING = Sampling(temperature=0.7, top_p=0.9, max_new_tokens=48)
THREADS = os.cpu_count() or 1
REFERENCE_PROMPTS = 24
LEAST_RATIO = 5.0


def requests_of(engine: LocalEngine, count: int) -> list[Request]:
    """The first prompts of the embedded study, rendered."""
    rows = pl.read_parquet(ROOT / "results/embedded/data/split.parquet").head(count)
    made = []
    for prompt_id, instruction, context in rows.select(
        "prompt_id", "instruction", "context"
    ).iter_rows():
        prompt = Prompt(prompt_id, instruction, context)
        rendered = engine.render(prompt, [], PROMPTING.max_prompt_tokens)
        seed = row_seed("benchmark", prompt_id)
        made.append(Request(prompt_id, 0, 0, 1, seed, rendered.messages, rendered.ids))
    return made


def rate(answer: Callable[[], int]) -> float:
    """Tokens per second of a call that returns how many it made."""
    start = time.perf_counter()
    return answer() / (time.perf_counter() - start)


def one_by_one(engine: LocalEngine, requests: Sequence[Request]) -> int:
    """Tokens that plain `generate` makes, one prompt at a time."""
    import torch

    tokens = 0
    for request in requests:
        torch.manual_seed(request.seed)
        output = engine.base.generate(
            input_ids=torch.tensor([request.ids]),
            attention_mask=torch.ones((1, len(request.ids)), dtype=torch.long),
            do_sample=True,
            temperature=SAMPLING.temperature,
            top_p=SAMPLING.top_p,
            top_k=0,
            max_new_tokens=SAMPLING.max_new_tokens,
            eos_token_id=engine.end_ids,
            pad_token_id=engine.pad,
        )
        tokens += output.shape[1] - len(request.ids)
    return tokens


def in_batches(engine: LocalEngine, requests: Sequence[Request], size: int) -> int:
    """Tokens that an engine makes of batches."""
    return sum(
        completion.completion_tokens or 0
        for batch in fixed_batches(requests, size)
        for _, completion in engine.generate(batch, SAMPLING)
    )


def serve_vllm(model: Path, count: int, answers: IO[str]) -> None:
    """Tokens per second of vLLM over all prompts, for every line that is read."""
    from manybaskets.engines.vllm_engine import VllmEngine

    longest = PROMPTING.max_prompt_tokens + SAMPLING.max_new_tokens
    settings = VllmSettings(enforce_eager=True)
    engine = VllmEngine(model, PROMPTING, settings, "float32", THREADS, "model", longest)
    requests = requests_of(engine, count)
    engine.load()
    for _ in sys.stdin:
        print(rate(lambda: in_batches(engine, requests, count)), file=answers, flush=True)


class Vllm:
    """vLLM in a process of its own environment."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self.process = subprocess.Popen(
            [VLLM_PYTHON, __file__, "--inside-vllm", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def rate(self) -> float:
        """Tokens per second of one more run."""
        self.process.stdin.write("again\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        self.process.stdin.close()
        self.process.wait()


def compare(arguments: argparse.Namespace, vllm: Vllm) -> None:
    """Let the three take turns; print each turn and the medians."""
    from manybaskets.engines.transformers_engine import TransformersEngine

    engine = TransformersEngine(arguments.model, PROMPTING, "float32", THREADS, "model")
    requests = requests_of(engine, arguments.prompts)
    batched, against_vllm = [], []
    for run in range(arguments.runs + 1):  # the first warms up
        single = rate(lambda: one_by_one(engine, requests[:REFERENCE_PROMPTS]))
        batches = rate(lambda: in_batches(engine, requests, arguments.batch_size))
        continuous = vllm.rate()
        if run:
            batched.append(batches / single)
            against_vllm.append(continuous / batches)
            print(
                f"one by one {single:.0f}, batches of {arguments.batch_size} {batches:.0f}, "
                f"vLLM {continuous:.0f} tokens/s"
            )
    ratio = statistics.median(batched)
    print(
        json.dumps(
            {
                "batches_to_one_by_one": round(ratio, 2),
                "vllm_to_batches": round(statistics.median(against_vllm), 2),
            }
        )
    )
    if ratio < LEAST_RATIO:
        raise SystemExit(f"batches are not {LEAST_RATIO:g} times as fast as one prompt at a time")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=ROOT / "results/embedded/models/llama")
    parser.add_argument("--prompts", type=int, default=192)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--inside-vllm", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside_vllm:
        # vLLM writes to standard output: the answers keep it to themselves.
        answers = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)
        serve_vllm(arguments.model, arguments.prompts, answers)
        return
    if not VLLM_PYTHON.exists():
        raise SystemExit("vLLM's environment is not there; make it with: make setup-vllm")
    vllm = Vllm(["--model", str(arguments.model), "--prompts", str(arguments.prompts)])
    try:
        compare(arguments, vllm)
    finally:
        vllm.close()


if __name__ == "__main__":
    main()
