"""How much of a copied answer may change until its copies are no longer noticed.

    python benchmarks/copies.py [--answers 100] [--runs 3]

One made-up answer of random words is given to all prompts, and in each copy a share of the words is exchanged
for others, independently. Prints, for two lengths, the share of answers that count as copies (the median of
the runs), and `passes` where the pilot and the report would say nothing in any run.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

from manybaskets.generation.copies import Copies, copies_of

SHARES = (0.0, 0.05, 0.1, 0.125, 0.15, 0.2, 0.25)
LENGTHS = (40, 150)
VOCABULARY = 5000


def found(words: int, share: float, answers: int, seed: int) -> Copies:
    """Copies among answers of so many words, of which a share is exchanged in each."""
    rng = np.random.default_rng(seed)
    text = rng.integers(0, VOCABULARY, words)
    exchanged = rng.random((answers, words)) < share
    texts = np.where(exchanged, rng.integers(0, VOCABULARY, (answers, words)), text)
    return copies_of([" ".join(f"w{word}" for word in each) for each in texts])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--answers", type=int, default=100)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    print("words  " + "  ".join(f"{f'{share:.1%}':>10}" for share in SHARES))
    for words in LENGTHS:
        cells = []
        for share in SHARES:
            runs = [found(words, share, given.answers, seed) for seed in range(given.runs)]
            median = statistics.median(each.share for each in runs)
            noticed = sum(each.noticed for each in runs)
            cells.append(f"{median:.2f} {'' if noticed == len(runs) else 'passes'}")
        print(f"{words:5}  " + "  ".join(f"{cell:>10}" for cell in cells))


if __name__ == "__main__":
    main()
