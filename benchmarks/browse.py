"""Size of the browser of answers, time to write it, and time to its first prompt in Chromium.

    python benchmarks/browse.py [--prompts 40000] [--runs 25] [--measures 12] [--words 60] [--keep FOLDER]

The answers are made up: sentences of words with the frequencies of English (Zipf's law), so that they pack
about as real ones do; runs share half of their sentences with another run. Chromium opens the page from the
disk, five times with an empty cache; the time is that from the start of loading until the first prompt with
its answers is shown, and to a list that is sorted by a difference of two conditions. Other work on the
machine makes all times longer.

Targets, for one million answers: first prompt within 1 s, under 500 MB.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

from manybaskets.browse.browser_folder import write_folder
from manybaskets.layout.answer_sets import AnswerSet, ConditionFile
from manybaskets.records.measured import MEASURED
from manybaskets.records.responses import PROMPTS, RESPONSES

VOCABULARY, SENTENCE = 20_000, 12  # words
LETTERS = np.array(list("eeeettttaaaooiinnsshhrrdlucmfwypvbgk"))


def vocabulary(random: np.random.Generator) -> list[str]:
    """Made-up words, the frequent ones shorter."""
    lengths = np.clip(random.poisson(2 + np.log10(np.arange(1, VOCABULARY + 1))), 1, 14)
    return ["".join(random.choice(LETTERS, length)) for length in lengths]


def sentences(random: np.random.Generator, words: Sequence[str], count: int) -> list[str]:
    """Sentences of `SENTENCE` words."""
    shares = 1 / np.arange(1, VOCABULARY + 1)
    drawn = random.choice(VOCABULARY, size=(count, SENTENCE), p=shares / shares.sum())
    return [" ".join(words[number] for number in row).capitalize() + "." for row in drawn]


def write_answers(folder: Path, prompts: int, runs: int, measures: int, words: int) -> AnswerSet:
    """Files of a study as its stages would write them."""
    random = np.random.default_rng(1)
    pool = sentences(random, vocabulary(random), max(50_000, prompts))
    ids = [f"{number:016x}-0" for number in random.integers(0, 2**62, prompts)]
    asked = [pool[number] for number in range(prompts)]
    frame = {"prompt_id": ids, "instruction": asked, "context": "", "follow_ups": [[]] * prompts}
    pl.DataFrame(frame, schema=PROMPTS).write_parquet(folder / "prompts.parquet")
    split = {"prompt_id": ids, "response": [pool[-1 - number] for number in range(prompts)]}
    categories = pl.Series("category", random.integers(0, 8, prompts)).cast(pl.String)
    pl.DataFrame(split).with_columns(categories).write_parquet(folder / "split.parquet")
    shared = random.integers(0, len(pool), (prompts, max(1, words // SENTENCE)))
    answers, measured = [], []
    for run in range(runs):
        own = random.integers(0, len(pool), shared.shape)
        chosen = np.where(random.random(shared.shape) < 0.5, shared, own)
        texts = [" ".join(pool[number] for number in row) for row in chosen]
        rows = {"prompt_id": ids, "text": texts, "finish_reason": "stop", "sample": 0, "turn": 0,
                "prompt_tokens": 20, "completion_tokens": 2 * words, "attempts": 1, "error": None}  # fmt: skip
        file = folder / f"run-{run}.parquet"
        answer = pl.DataFrame(rows).select(
            pl.col(name).cast(kind) for name, kind in RESPONSES.items()
        )
        answer.sort("prompt_id").write_parquet(file)
        answers.append(ConditionFile("llama", f"mix-{run:02d}", 1, str(file)))
        values = [
            pl.DataFrame({"prompt_id": ids, "value": random.normal(5, 2, prompts)}).with_columns(
                measure=pl.lit(f"measure_{number}"), model=pl.lit("llama"), draw=pl.lit(0),
                mix=pl.lit(f"mix-{run:02d}"), seed=pl.lit(1), prompt_set=pl.lit("test"),
            )
            for number in range(measures)
        ]  # fmt: skip
        file = folder / f"measured-{run}.parquet"
        pl.concat(values).select(
            pl.col(n).cast(kind) for n, kind in MEASURED.items()
        ).write_parquet(file)
        measured.append(str(file))
        shared = chosen
    files = [str(folder / "split.parquet")]
    return AnswerSet(
        "test", "Test prompts", [str(folder / "prompts.parquet")], files, files, answers, measured
    )


def opened(page: Path) -> tuple[list[float], list[float]]:
    """Milliseconds to the first prompt and to a sorted list, five times each."""
    from playwright.sync_api import sync_playwright

    first, by_difference = [], []
    program = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for _ in range(5):
            tab = browser.new_context().new_page()
            tab.add_init_script("""new MutationObserver((_, observer) => {
                const root = document.documentElement;
                if (!root || !root.dataset.shown) return;
                window.firstPrompt = performance.now();
                observer.disconnect();
            }).observe(document, { subtree: true, attributes: true, childList: true });""")
            tab.goto(page.resolve().as_uri())
            while not (milliseconds := tab.evaluate("window.firstPrompt")):
                time.sleep(0.02)
            first.append(milliseconds)
            begun = time.monotonic()
            tab.evaluate("""() => {
                for (const [id, value] of [["sort-measure", "0"], ["sort-of", "g0"], ["sort-minus", "g1"]])
                    document.getElementById(id).value = value;
                document.getElementById("sorting").dispatchEvent(new Event("change"));
            }""")
            while "+" not in tab.inner_text(".row"):
                time.sleep(0.02)
            by_difference.append(1000 * (time.monotonic() - begun))
            tab.close()
        browser.close()
    return first, by_difference


def main() -> None:
    """Write the answers, write the browser, open it, print what it took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--prompts", type=int, default=40_000)
    parser.add_argument("--runs", type=int, default=25)
    parser.add_argument("--measures", type=int, default=12)
    parser.add_argument("--words", type=int, default=60, help="of an answer")
    parser.add_argument("--keep", type=Path, help="folder that keeps the browser")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        answers = write_answers(folder, given.prompts, given.runs, given.measures, given.words)
        browser = given.keep or folder / "browse"
        begun, before = time.monotonic(), time.process_time()
        write_folder(browser, [answers], study="made-up", seed=1)
        seconds, cpu = time.monotonic() - begun, time.process_time() - before
        sizes = [file.stat().st_size for file in browser.rglob("*") if file.is_file()]
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"load {os.getloadavg()[0]:.1f}")
        print(
            f"{given.prompts * given.runs:,} answers of {given.prompts:,} prompts, {given.measures} measures"
        )
        print(f"{sum(sizes) / 1e6:.1f} MB in {len(sizes)} files, written in {seconds:.0f} s ({cpu:.0f} CPU s), "
              f"{memory:.2f} GiB of memory")  # fmt: skip
        first, sorting = opened(browser / "index.html")
        for name, times in (("first prompt", first), ("sorted by a difference", sorting)):
            print(f"{name}: median {statistics.median(times):.0f} ms, slowest {max(times):.0f} ms")


if __name__ == "__main__":
    main()
