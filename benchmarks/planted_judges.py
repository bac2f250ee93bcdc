"""Verdicts on planted judges, and how often the planted bias is in its interval.

    python benchmarks/planted_judges.py
    python benchmarks/planted_judges.py --studies 100 --only "3 ×"

Every design of `tests/unit/support/planted_designs.py`: judges of other sharpness than the gold
judge, with better or longer texts of their own, with and without a bias. Target: the right verdict
in at least 18 of 20 studies of each design, and the planted bias inside of the 95 % interval in at
least 90 %.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/unit/support"))

from planted_designs import DESIGNS, simulate

from manybaskets.config.evaluation import Statistics


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=20, help="simulated studies of a design")
    parser.add_argument("--only", default="", help="designs whose name has this text")
    given = parser.parse_args()
    settings = Statistics(bootstrap_resamples=199, sign_flips=199)
    print(f"| {'planted':36} | bias | mean | right | covered | width | verdicts |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, design in DESIGNS.items():
        if given.only not in name:
            continue
        told: Counter[str] = Counter()
        lines = []
        for study in range(given.studies):
            verdict, line = simulate(design, study, settings)
            told[verdict] += 1
            lines.append(line)
        right = sum(number for verdict, number in told.items() if verdict in design.right)
        listed = "; ".join(f"{verdict} {number}" for verdict, number in told.most_common())
        numbers = ["–"] * 4
        found = [line for line in lines if line.get("value") is not None]
        if design.truth is not None and found:
            covered = sum(line["low"] <= design.truth <= line["high"] for line in found)
            numbers = [
                f"{design.truth:.1f}",
                f"{np.mean([line['value'] for line in found]):.2f}",
                f"{covered} of {len(found)}",
                f"{np.median([line['high'] - line['low'] for line in found]):.2f}",
            ]
        print(f"| {name:36} | {numbers[0]} | {numbers[1]} | {right} of {given.studies} "
              f"| {numbers[2]} | {numbers[3]} | {listed} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
