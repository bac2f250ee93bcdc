"""What the journal costs, and how soon a half-finished shard goes on.

    python benchmarks/journal.py [--model results/embedded/models/llama] [--rows 1000] [--runs 3]

First part: seconds spent in the journal over all seconds of a shard, with a real tiny model; a
larger model only makes the share smaller. Second part: seconds from the start of a resumed shard of
10,000 rows, half of them finished, to the first row that the model is asked for; the model is
loaded already and the prompts are Dolly-like in length.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow"))

import polars as pl  # noqa: E402

from manybaskets.config.models import Prompting  # noqa: E402
from manybaskets.config.sampling import Sampling  # noqa: E402
from manybaskets.engines.base import Completion  # noqa: E402
from manybaskets.engines.transformers_engine import TransformersEngine  # noqa: E402
from manybaskets.generation.answering import AnswerSettings, answer_prompts  # noqa: E402
from manybaskets.jobs import journal  # noqa: E402
from manybaskets.records.responses import PROMPTS  # noqa: E402


def made_up_prompts(count: int) -> pl.DataFrame:
    """Prompts of 20 to 90 words; every third has a context."""
    rows = [
        (
            f"p{number:06d}",
            f"Question {number}: " + "what is said of the river and the town? " * (1 + number % 5),
            "" if number % 3 else "The river runs past the town. " * (number % 7),
            [],
        )
        for number in range(count)
    ]
    return pl.DataFrame(rows, schema=PROMPTS, orient="row")


def settings(work: Path) -> AnswerSettings:
    return AnswerSettings("source", Sampling(max_new_tokens=48), 32, 400, 1.0, 1, work)


def share_in_journal(engine: TransformersEngine, rows: int) -> float:
    """Seconds in the journal over seconds of the whole shard."""
    spent = 0.0

    def timed(method):
        def call(*arguments):
            nonlocal spent
            start = time.perf_counter()
            try:
                return method(*arguments)
            finally:
                spent += time.perf_counter() - start

        return call

    plain = {name: getattr(journal.Journal, name) for name in ("__enter__", "append", "__exit__")}
    with tempfile.TemporaryDirectory(dir=ROOT) as folder:
        try:
            for name, method in plain.items():
                setattr(journal.Journal, name, timed(method))
            start = time.perf_counter()
            work = Path(folder)
            answer_prompts(made_up_prompts(rows), engine, settings(work), work / "out.parquet")
            return spent / (time.perf_counter() - start)
        finally:
            for name, method in plain.items():
                setattr(journal.Journal, name, method)


class FirstAsked(Exception):
    """The model was asked for a row: the resume is over."""


def seconds_to_resume(engine: TransformersEngine, rows: int) -> float:
    """Seconds from the start of a half-finished shard to the first question to the model."""
    asked = 0

    def half(requests, sampling):
        nonlocal asked
        asked += len(requests)
        if asked > rows / 2:
            raise FirstAsked
        text = "The town is by the river. " * 8
        yield from ((request, Completion(text, "stop", 60)) for request in requests)

    def first(requests, sampling):
        raise FirstAsked

    whole = engine.generate
    with tempfile.TemporaryDirectory(dir=ROOT) as folder:
        try:
            for generate in (half, first):
                engine.generate = generate
                engine.renderer._rendered.clear()
                start = time.perf_counter()
                try:
                    work = Path(folder)
                    answer_prompts(
                        made_up_prompts(rows), engine, settings(work), work / "o.parquet"
                    )
                except FirstAsked:
                    seconds = time.perf_counter() - start
            return seconds
        finally:
            engine.generate = whole


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=ROOT / "results/embedded/models/llama")
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    engine = TransformersEngine(arguments.model, Prompting(), "float32", 2, "model")
    shares = [share_in_journal(engine, arguments.rows) for _ in range(arguments.runs)]
    print(f"journal: {statistics.median(shares):.2%} of a shard of {arguments.rows} rows (median)")
    resumes = [seconds_to_resume(engine, 10_000) for _ in range(arguments.runs)]
    print(f"resume: {statistics.median(resumes):.1f} s to the first question, 10,000 rows (median)")


if __name__ == "__main__":
    main()
