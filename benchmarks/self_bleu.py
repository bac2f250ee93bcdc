"""Exact self-BLEU against the loop over sacrebleu, at a size that the loop can do.

    python benchmarks/self_bleu.py ../shared/data/databricks-dolly-15k.jsonl.gz --count 100

Prints both times and their ratio; stops with an error unless all scores agree within 1e-9. Then the
exact algorithm on more responses (`--more`), beside the loop's time extrapolated from that size as the
square of their number, since every response is compared with every other.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

from manybaskets.measures.lexical import SelfBleu


def read_responses(path: Path, count: int) -> list[str]:
    """The first `count` non-empty responses of a gzipped JSONL file."""
    found: list[str] = []
    with gzip.open(path, "rt", encoding="utf-8") as handle:
        for line in handle:
            text = json.loads(line)["response"]
            if text.strip():
                found.append(text)
            if len(found) == count:
                break
    return found


def loop(texts: list[str]) -> np.ndarray:
    """What a study would write: sacrebleu for every text against all others."""
    from sacrebleu.metrics import BLEU

    bleu = BLEU(max_ngram_order=3, effective_order=True, smooth_method="exp", tokenize="13a")
    return np.array(
        [
            bleu.sentence_score(text, texts[:place] + texts[place + 1 :]).score
            for place, text in enumerate(texts)
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path, help="gzipped JSONL with a field `response`")
    parser.add_argument("--count", type=int, default=100, help="number of responses")
    parser.add_argument("--draws", type=int, default=100, help="half-samples to time besides")
    parser.add_argument("--more", type=int, nargs="*", default=[1502, 10_000], help="larger sizes")
    arguments = parser.parse_args()
    texts = read_responses(arguments.path, arguments.count)

    # The exact run goes first, so that it pays for imports and for the tokeniser's cache.
    started = time.perf_counter()
    prepared = SelfBleu(texts)
    exact = prepared.scores(np.arange(len(texts)))
    exact_seconds = time.perf_counter() - started
    started = time.perf_counter()
    looped = loop(texts)
    loop_seconds = time.perf_counter() - started
    gap = float(np.abs(exact - looped).max())
    assert gap < 1e-9, f"scores differ by {gap}"

    rng = np.random.default_rng(0)
    started = time.perf_counter()
    for _ in range(arguments.draws):
        prepared.mean(np.sort(rng.permutation(len(texts))[: len(texts) // 2]))
    draw_seconds = time.perf_counter() - started
    print(f"{len(texts)} responses, {int(prepared.lengths.sum())} tokens")
    print(f"loop over sacrebleu: {loop_seconds:.2f} s")
    print(f"exact algorithm:     {exact_seconds:.3f} s")
    print(f"ratio:               {loop_seconds / exact_seconds:.0f}")
    print(f"largest difference:  {gap:.1e} points")
    print(f"{arguments.draws} half-samples:    {draw_seconds:.2f} s")
    for count in arguments.more:
        larger = read_responses(arguments.path, count)
        started = time.perf_counter()
        SelfBleu(larger).mean(np.arange(len(larger)))
        seconds = time.perf_counter() - started
        slow = loop_seconds * (len(larger) / len(texts)) ** 2
        print(
            f"{len(larger)} responses: {seconds:.2f} s; the loop, extrapolated: {slow:.0f} s, "
            f"ratio {slow / seconds:.0f}"
        )


if __name__ == "__main__":
    main()
