"""Planted blends: how often their differences are covered and recognised.

    python benchmarks/blends.py
    python benchmarks/blends.py --studies 400 --prompts 200

Made-up studies of a blend of four singles, three trainings each, a value per prompt (standard
deviation 1 over prompts, shared by all mixes, and 0.5 over answers). Trainings vary by 0.05 or 0.2.
The singles are at 0, 1, 2 and 5, or all at 2 (`equal`); the blend is at the mean of its singles
(additive), between mean and best, or above the best. Prints, for the mean of the singles and for
the best single, how often the 95 % interval covers the truth, and how often the verdict (interval
and Holm-adjusted p of one measure) is the planted one; without a difference, `right` means not
called different.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

from manybaskets.config.blends import Blend
from manybaskets.config.evaluation import Statistics
from manybaskets.records.measured import MEASURED
from manybaskets.statistics.blends import BEST_SINGLE, MEAN_OF_SINGLES, compare_blends
from manybaskets.statistics.verdict import DIFFERENT, verdict

LEVELS = {"a": 0.0, "b": 1.0, "c": 2.0, "d": 5.0}
DESIGNS = {
    "additive": (LEVELS, 2.0),
    "between mean and best": (LEVELS, 3.0),
    "above the best": (LEVELS, 6.0),
    "additive, equal": (dict.fromkeys(LEVELS, 2.0), 2.0),
    "above, equal": (dict.fromkeys(LEVELS, 2.0), 3.0),
}
BLEND = Blend(dict.fromkeys(LEVELS, 0.25))
SETTINGS = Statistics(bootstrap_resamples=1000, sign_flips=999)


def rows_of(levels: dict[str, float], prompts: int, training: float, seed: int) -> pl.DataFrame:
    """Measured rows of one study."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=prompts)
    frames = []
    for mix, level in levels.items():
        trainings = rng.normal(0, training, (3, 1))
        values = level + shared + trainings + rng.normal(0, 0.5, (3, prompts))
        columns = {
            "measure": "m", "model": "t", "mix": mix, "seed": np.repeat([1, 2, 3], prompts),
            "prompt_set": "test", "prompt_id": [f"p{place:05}" for place in range(prompts)] * 3,
            "draw": 0, "value": values.ravel(),
        }  # fmt: skip
        frames.append(pl.DataFrame(columns, schema=MEASURED))
    return pl.concat(frames)


def main() -> None:
    """Print one row per design and spread of the trainings."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--prompts", type=int, default=100)
    given = parser.parse_args()
    print(
        f"{'design':24}{'trainings':>10}  {'mean: covered':>14}{'right':>7}  {'best: covered':>14}{'right':>7}"
    )
    for name, (singles, level) in DESIGNS.items():
        truth = {MEAN_OF_SINGLES: level - np.mean(list(singles.values())),
                 BEST_SINGLE: level - max(singles.values())}  # fmt: skip
        for training in (0.05, 0.2):
            counts = {kind: np.zeros(2) for kind in truth}
            for study in range(given.studies):
                rows = rows_of(singles | {"blend": level}, given.prompts, training, study)
                found = compare_blends(rows, {"blend": BLEND}, {}, {"m": "higher"}, SETTINGS, study)
                for row in found.iter_rows(named=True):
                    difference = truth[row["against"]]
                    different = verdict(row["low"], row["high"], row["p_holm"]) == DIFFERENT
                    side = different and np.sign(row["low"]) == np.sign(difference)
                    right = side if abs(difference) > 1e-9 else not different
                    counts[row["against"]] += (row["low"] <= difference <= row["high"], right)
            mean, best = (counts[kind] / given.studies for kind in truth)
            print(
                f"{name:24}{training:10.2f}  {mean[0]:14.3f}{mean[1]:7.2f}  {best[0]:14.3f}{best[1]:7.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
