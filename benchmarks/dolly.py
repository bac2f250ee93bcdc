"""Wall time and peak memory from raw rows to three mixes, at the full size of Dolly.

The answers of four sources are made here by shuffling the human ones, and lengths are characters
divided by four: what is measured is the handling of rows, not models.

Usage, from the repository's root:
    PYTHONPATH=workflow python benchmarks/dolly.py [ROWS.jsonl.gz]

Target: less than 20 seconds and 1 GiB.
"""

from __future__ import annotations

import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from manybaskets.config.data import Cleaning, Split
from manybaskets.config.mixes import HumanMix, MultiMix, SingleMix
from manybaskets.config.sections import Fields
from manybaskets.data.cleaning import clean
from manybaskets.data.reading import read_rows
from manybaskets.data.splits import split
from manybaskets.mixes import eligibility as mixes
from manybaskets.mixes.assignment import assign
from manybaskets.mixes.mix_checks import check_same_prompts, count_mix, ids_by_split
from manybaskets.mixes.mix_rows import build_mix, write_mix
from manybaskets.records import responses as records

DEFAULT = Path(__file__).parents[1] / "../shared/data/databricks-dolly-15k.jsonl.gz"
SOURCES = ["one", "two", "three", "four"]
SEED = 42


@contextmanager
def timed(stage: str) -> Iterator[None]:
    """Print what a stage took: wall seconds of its own, peak memory of the process so far."""
    start = time.perf_counter()
    yield
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # KiB on Linux
    print(f"{stage:<28} {seconds:7.2f} s   peak {peak:6.0f} MiB", flush=True)


def answers(prompts: pl.DataFrame, source: str) -> pl.DataFrame:
    """Responses of a made-up source: the human answers, shuffled except for `human`."""
    texts = prompts["response"].to_list()
    if source != "human":
        random.Random(source).shuffle(texts)
    return pl.DataFrame(
        {
            "prompt_id": prompts["prompt_id"],
            "sample": 0,
            "turn": 0,
            "text": texts,
            "finish_reason": "stop",
            "prompt_tokens": 0,
            "completion_tokens": 0,
            "attempts": 1,
            "error": None,
        },
        schema=records.RESPONSES,
    )


def lengths(prompts: pl.DataFrame, responses: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Lengths of all answers for one made-up target, in characters / 4."""
    texts = pl.concat(
        frame.select("prompt_id", "text", source=pl.lit(source))
        for source, frame in responses.items()
    )
    asked = pl.col("instruction").str.len_chars() + pl.col("context").str.len_chars()
    return texts.join(prompts, on="prompt_id").select(
        "prompt_id",
        "source",
        pl.lit("target").alias("target"),
        (asked // 4).alias("prompt_tokens"),
        (pl.col("text").str.len_chars() // 4).alias("answer_tokens"),
    )


def main(path: Path) -> None:
    """Run every stage once and print its figures."""
    recipes = {
        "human": HumanMix(kind="human"),
        "single": SingleMix(kind="single", source=SOURCES[0]),
        "multi": MultiMix(kind="multi", sources=SOURCES),
    }
    start = time.perf_counter()
    with timed("reading"):
        rows = read_rows(path, Fields())
    with timed("cleaning"):
        cleaned, counts = clean(rows, Cleaning(), str(path))
    with timed("split and parts"):
        table = split(cleaned, Split(parts=len(SOURCES)), SEED)
    prompts = mixes.training_prompts(table)
    with timed("(making up answers)"):
        responses = {source: answers(prompts, source) for source in ["human", *SOURCES]}
        measured = lengths(prompts, responses)
    with timed("eligibility"):
        eligible = mixes.eligibility(prompts, responses, measured, 1024)
    ids = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, recipe in recipes.items():
            with timed(f"mix {name}"):
                assignment = assign(prompts, recipe, name, SEED)
                mix = build_mix(prompts, eligible, assignment, responses, "You are helpful.")
                count_mix(mix, measured, "target")
                write_mix(mix, Path(folder, f"{name}.jsonl"))
                ids[name] = ids_by_split(mix)
    with timed("same prompts in all mixes"):
        check_same_prompts(ids, table.filter(split="test")["prompt_id"])
    sizes = {name: len(members) for name, members in ids["human"].items()}
    print(f"{counts['rows']} rows, {counts['kept']} kept, {prompts.height} to train on or validate")
    print(f"{eligible['eligible'].sum()} eligible: {sizes}")
    print(f"all stages: {time.perf_counter() - start:.2f} s")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT)
