"""Wall time and peak memory of collecting all shards of many sources into checked responses.

    python benchmarks/collect.py [--sources 54] [--rows 15000] [--shards 4] [--cores 2]

Every source is collected by a Python of its own, as the workflow does it, with as many at a time as
there are cores. Texts are made up, of about 1,000 characters. Making them is not timed.

Target: less than 60 seconds and 2 GiB for all of them together.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow"))

SECONDS, BYTES = 60, 2 * 1024**3
WORDS_OF_ANSWER = 165


def make(folder: Path, sources: int, rows: int, shards: int) -> None:
    """Write the prompts and the shards of all sources, with a different text in every row."""
    import numpy as np
    import polars as pl

    from manybaskets.generation.shards import shard_of
    from manybaskets.records.ids import digest
    from manybaskets.records.responses import PROMPTS, RESPONSES, write_responses
    from manybaskets.records.writing import write_table

    draw = np.random.default_rng(0)
    letters = np.array(list("etaoinshrdlucmfwypvbgk"))
    words = ["".join(draw.choice(letters, size)) for size in draw.integers(2, 9, 20_000)]
    # Words by Zipf's law, so that texts compress as texts do.
    ranks = 1 / np.arange(1, len(words) + 1)
    prompts = pl.DataFrame(
        {
            "prompt_id": sorted(f"{digest(number)[:16]}-0" for number in range(rows)),
            "instruction": "Who?",
            "context": "",
        }
    ).with_columns(follow_ups=pl.lit([], dtype=PROMPTS["follow_ups"]))
    write_table(prompts, folder / "prompts.parquet")
    made = {"sampling": {"temperature": 0.7}, "shortened_prompts": 0, "served": []}
    constant = {"sample": 0, "turn": 0, "finish_reason": "stop", "attempts": 1, "error": None}
    for source in range(sources):
        sizes = draw.integers(WORDS_OF_ANSWER // 3, WORDS_OF_ANSWER * 5 // 3, rows)
        drawn = draw.choice(len(words), sizes.sum(), p=ranks / ranks.sum())
        parts = np.split(drawn, np.cumsum(sizes)[:-1])
        texts = [" ".join(words[index] for index in part) for part in parts]
        answers = prompts.select("prompt_id").with_columns(
            text=pl.Series(texts), prompt_tokens=40, completion_tokens=220
        )
        answers = answers.with_columns(pl.lit(v).alias(k) for k, v in constant.items())
        for shard in range(shards):
            mine = shard_of(prompts, shard, shards).select("prompt_id")
            frame = answers.join(mine, on="prompt_id", how="semi").select(list(RESPONSES))
            write_responses(frame.cast(dict(RESPONSES)), folder / f"{source}/{shard}.parquet", made)


def collect(folder: Path, shards: int) -> None:
    """Collect one source, and print the peak memory of this process in bytes."""
    import polars as pl

    from manybaskets.generation.shards import collect_shards

    prompts = pl.read_parquet(folder.parent / "prompts.parquet")
    paths = [folder / f"{shard}.parquet" for shard in range(shards)]
    collect_shards(paths, prompts, 0.02, folder / "train.parquet")
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)  # KiB on Linux


def own_python(*arguments: object) -> str:
    command = [sys.executable, __file__, *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def cpu_seconds() -> float:
    """CPU time of the processes that ended so far; wall time also has that of the machine's others."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime


def together(peaks: Sequence[int], cores: int) -> int:
    """Memory that was taken at the same time, at most."""
    return sum(sorted(peaks)[-cores:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sources", type=int, default=54)
    parser.add_argument("--rows", type=int, default=15_000, help="rows of every source")
    parser.add_argument("--shards", type=int, default=4, help="shards of every source")
    parser.add_argument("--cores", type=int, default=2, help="sources collected at a time")
    parser.add_argument("--collect", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.collect:
        return collect(given.collect, given.shards)
    if given.make:
        return make(given.make, given.sources, given.rows, given.shards)
    sizes = ["--sources", given.sources, "--rows", given.rows, "--shards", given.shards]
    with tempfile.TemporaryDirectory(prefix="collect-") as name:
        folder = Path(name)
        own_python("--make", folder, *sizes)
        start, used = time.perf_counter(), cpu_seconds()
        with ThreadPoolExecutor(given.cores) as pool:
            jobs = [folder / str(source) for source in range(given.sources)]
            printed = list(pool.map(lambda job: own_python("--collect", job, *sizes), jobs))
        seconds, used = time.perf_counter() - start, cpu_seconds() - used
        size = sum(file.stat().st_size for file in folder.glob("*/train.parquet"))
    peak = together([json.loads(each) for each in printed], given.cores)
    print(f"{given.sources} sources, {given.rows} rows each, {size / 1024**2:.0f} MiB collected")
    print(f"wall time:    {seconds:.1f} s (target {SECONDS} s), {given.cores} at a time")
    print(f"CPU time:     {used:.1f} s")
    print(
        f"peak memory:  {peak / 1024**2:.0f} MiB (target {BYTES / 1024**2:.0f} MiB), all together"
    )
    if seconds > SECONDS or peak > BYTES:
        raise SystemExit("over the target")


if __name__ == "__main__":
    main()
