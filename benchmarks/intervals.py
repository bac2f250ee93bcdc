"""Table of intervals of twelve conditions, against a plain loop of scipy's BCa bootstrap.

    python benchmarks/intervals.py
    python benchmarks/intervals.py --measures 17 --rounds 5

Made-up values: twelve conditions of one run, 1,502 prompts (a tenth share a text with another),
as many measures per prompt and of sets as the project has lexical ones, 200 half-samples. Prints
the seconds and the peak memory of the summary and of a family of comparisons on all of them, with
9,999 resamples, and the median ratio of the seconds per interval to `scipy.stats.bootstrap` with
method BCa, in the same run. Stops with an error if an interval differs from scipy's by more than
resampling explains (a twentieth of its width).

Target: less than 30 seconds and 1 GiB for the summary, on two cores that do nothing else.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

from scipy import stats

from manybaskets import measures
from manybaskets.config.evaluation import Comparison, Statistics
from manybaskets.measures import EXCLUDED, USED
from manybaskets.records.measured import MEASURED
from manybaskets.statistics import compare, summarise
from manybaskets.statistics.bootstrap import Mean, bca

CONDITIONS, PROMPTS, COPIES = 12, 1502, 150


def rows_of(per_prompt: int, of_sets: int, draws: int) -> pl.DataFrame:
    """Measured rows of all conditions."""
    rng = np.random.default_rng(1)
    ids = [f"{place:016x}-0" for place in range(PROMPTS - COPIES)]
    ids += [f"{place:016x}-1" for place in range(COPIES)]
    frames = []
    for number in range(CONDITIONS):
        for measure in range(per_prompt):
            values = rng.gamma(2.0, size=PROMPTS)
            frames.append(frame(f"prompt_{measure:02}", number, ids, [0] * PROMPTS, values))
        for measure in range(of_sets):
            places = [0, USED, EXCLUDED, *range(1, draws + 1)]
            values = np.array([1.0, PROMPTS, 0.0, *rng.normal(1.0, 0.01, draws)])
            frames.append(frame(f"set_{measure:02}", number, [None] * len(places), places, values))
    return pl.concat(frames)


def frame(measure: str, number: int, ids: list, draws: list[int], values: np.ndarray):
    """Rows of one measure of one condition."""
    rows = len(ids)
    columns = {
        "measure": [measure] * rows,
        "model": ["m"] * rows,
        "mix": [f"mix{number:02}"] * rows,
    }
    columns |= {"seed": [1] * rows, "prompt_set": ["test"] * rows, "prompt_id": ids}
    return pl.DataFrame(columns | {"draw": draws, "value": values}, schema=MEASURED)


def against_scipy(rounds: int, intervals: int) -> tuple[float, float]:
    """Median ratio of seconds per interval, and the largest difference of a limit in widths.

    Ours makes `intervals` at once, as a table does; scipy makes twelve of them one by one.
    """
    rng = np.random.default_rng(2)
    ratios, worst = [], 0.0
    for number in range(rounds):
        values = rng.lognormal(size=(intervals, PROMPTS))
        start = time.perf_counter()
        expected = [
            stats.bootstrap((each,), np.mean, n_resamples=9999, method="BCa", batch=1000,
                            rng=np.random.default_rng(number)).confidence_interval
            for each in values[:CONDITIONS]
        ]  # fmt: skip
        plain = (time.perf_counter() - start) / CONDITIONS
        start = time.perf_counter()
        found = bca([Mean(each, np.ones(PROMPTS)) for each in values], 9999, 0.95, number)
        ratios.append(plain / ((time.perf_counter() - start) / intervals))
        for one, other in zip(found, expected, strict=False):
            width = other.high - other.low
            worst = max(worst, abs(one[0] - other.low) / width, abs(one[1] - other.high) / width)
    if worst > 0.05:
        raise SystemExit(f"an interval differs from scipy's by {worst:.3f} of its width")
    return median(ratios), worst


def main() -> None:
    lexical = [each for each in measures.all_measures() if each.lexical]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--measures", type=int, help="per prompt; by default the lexical ones")
    parser.add_argument("--sets", type=int, help="of sets; by default the lexical ones")
    parser.add_argument("--rounds", type=int, default=3, help="of the comparison with scipy")
    given = parser.parse_args()
    # Lengths are measures per prompt, too.
    per_prompt = given.measures or 3 + sum(each.level == "prompt" for each in lexical)
    of_sets = given.sets or sum(each.level == "set" for each in lexical)
    settings = Statistics()
    rows = rows_of(per_prompt, of_sets, settings.half_samples)
    print(f"{CONDITIONS} conditions × {PROMPTS} prompts, {per_prompt} per-prompt and "
          f"{of_sets} set-level measures, {rows.height} rows")  # fmt: skip
    start = time.perf_counter()
    table = summarise(rows, settings, 1)
    print(f"summary: {time.perf_counter() - start:.1f} s, {table.height} intervals")
    mixes = [f"mix{number:02}" for number in range(1, CONDITIONS)]
    names = [f"prompt_{number:02}" for number in range(min(per_prompt, 40))]
    family = {"all": Comparison(baseline="mix00", conditions=mixes, measures=names)}
    start = time.perf_counter()
    compared = compare(rows, family, settings, 1)
    print(
        f"comparisons: {time.perf_counter() - start:.1f} s, {compared.height} intervals and tests"
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak memory: {peak:.2f} GiB")
    ratio, worst = against_scipy(given.rounds, CONDITIONS * per_prompt)
    print(f"scipy's seconds / ours, per BCa interval of 9,999 resamples: median {ratio:.1f}; "
          f"limits differ by at most {worst:.3f} of a width")  # fmt: skip


if __name__ == "__main__":
    main()
