"""Crossed statistics in simulation, and the time of all tables of the robustness experiment.

    python benchmarks/robustness.py
    python benchmarks/robustness.py --studies 2000

First how often 95 % intervals of a mean over templates × base prompts hold the truth, and how often a
true null has p < .05, under planted variances of templates, base prompts, rows and trainings: the
project's interval and test, the plain quantiles of the two-way bootstrap, and the procedure that takes
rows for independent. Then shares, and the probability of superiority. Last, seconds from score rows to written tables for the published
number of responses (12 runs × 2,006 prompts, two judges of refusals).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/unit/support"))

import fabricated_scores as fabricated
from rule_tables import rule_tables

from manybaskets.experiments.robustness.analysis import analyse
from manybaskets.experiments.robustness.scores import RUBRICS
from manybaskets.experiments.robustness.tables import RULE, RobustnessContext
from manybaskets.judging.rubrics import shipped
from manybaskets.presentation.table_forms import write_all
from manybaskets.statistics import crossed
from manybaskets.statistics.crossed import CrossedMean, Draws, crossed_mean
from manybaskets.statistics.ordinal import Samples, superiority
from manybaskets.statistics.rates import wilson

RESAMPLES = 1000


@dataclass(frozen=True)
class Design:
    """Paired differences: planted standard deviations, a threshold for shares, gaps."""

    templates: int
    bases: int
    of_templates: float = 0.5
    of_bases: float = 0.5
    skewed: bool = False
    seeds: int = 1
    training: float = 0.0
    missing: float = 0.0
    threshold: float | None = None  # values are whether they exceed it

    @property
    def truth(self) -> float:
        """The mean of all possible studies."""
        from scipy.stats import norm

        if self.threshold is None:
            return 0.0
        return float(
            norm.sf(self.threshold / np.hypot(1, np.hypot(self.of_templates, self.of_bases)))
        )

    def mean(self, rng: np.random.Generator, name: str) -> CrossedMean:
        """The mean of one study."""
        template, base = np.divmod(np.arange(self.templates * self.bases), self.bases)
        draw = (
            (lambda n: rng.exponential(size=n) - 1)
            if self.skewed
            else (lambda n: rng.normal(size=n))
        )
        shared = (
            self.of_templates * draw(self.templates)[template]
            + self.of_bases * draw(self.bases)[base]
        )
        values = shared + rng.normal(size=(self.seeds, len(template)))
        values += self.training * rng.normal(size=(self.seeds, 1))
        if self.threshold is not None:
            values = (values > self.threshold).astype(np.float64)
        kept = rng.random(len(template)) >= self.missing
        return crossed_mean(values[:, kept], template[kept], base[kept], ("m", name))

    def __str__(self) -> str:
        parts = [
            f"{self.templates} × {self.bases}",
            f"sd {self.of_templates:g}/{self.of_bases:g}/1",
        ]
        parts += ["skewed"] if self.skewed else []
        parts += [f"{self.seeds} trainings, sd {self.training:g}"] if self.seeds > 1 else []
        parts += [f"{self.missing:.0%} missing"] if self.missing else []
        return ", ".join(parts)


MEANS = [
    Design(28, 40),
    Design(28, 40, 0.2, 0.2),
    Design(28, 40, 0.0, 0.0),
    Design(28, 40, 0.5, 0.0),
    Design(28, 40, skewed=True),
    Design(28, 40, missing=0.2),
    Design(28, 40, seeds=3, training=0.2),
    Design(28, 5),
    Design(6, 8),
    Design(6, 8, 0.0, 0.0),
    Design(4, 30),
    Design(4, 30, skewed=True),
    Design(4, 30, seeds=3, training=0.2),
]
SHARES = [
    Design(templates, bases, spread, spread, threshold=threshold)
    for templates, bases in ((28, 40), (6, 8))
    for spread in (0.2, 0.5)
    for threshold in (0.0, 1.0, 2.0)
]


def of_means(studies: int) -> None:
    """Coverage of intervals of means, and how often a true null is called a difference."""
    from scipy.stats import norm

    print(
        f"{'templates × base prompts, sd of both and of rows':58} held    p<.05 | quantiles held | rows alone p<.05"
    )
    for design in MEANS:
        rng = np.random.default_rng(1)
        held = plain = called = naive = 0
        for study in range(studies):
            mean = design.mean(rng, str(study))
            low, high = crossed.intervals([mean], RESAMPLES, 0.95, 1)[0]
            held += low <= 0 <= high
            moves = crossed.resampled(mean, Draws(*mean.counts.shape, RESAMPLES, 1))
            low, high = crossed.quantiles(mean.value, moves, 0.95)
            plain += low <= 0 <= high
            called += crossed.p_values([mean], 999, 1)[0] < 0.05
            number = mean.counts.sum() * (mean.seeds.degrees + 1 if mean.seeds else 1)
            spread = np.sqrt(
                ((mean.sums - mean.value * mean.counts) ** 2).sum() / mean.counts.sum()
            )
            naive += abs(mean.value) > norm.ppf(0.975) * spread / np.sqrt(number)
        shares = [each / studies for each in (held, called, plain, naive)]
        print(
            f"{design!s:58} {shares[0]:.3f}  {shares[1]:6.3f} | {shares[2]:14.3f} | {shares[3]:16.3f}"
        )


def of_shares(studies: int) -> None:
    """Coverage of intervals of shares."""
    print(f"\n{'shares':58} true    held | Wilson of rows alone held")
    for design in SHARES:
        rng = np.random.default_rng(2)
        held = plain = 0
        for study in range(studies):
            mean = design.mean(rng, str(study))
            answers = int(mean.counts.sum())
            low, high = crossed.share_interval(mean, answers, 0.95)
            held += low <= design.truth <= high
            low, high = wilson(mean.value, answers, crossed.z_of(0.95))
            plain += low <= design.truth <= high
        print(f"{design!s:58} {design.truth:.3f}  {held / studies:6.3f} | {plain / studies:25.3f}")


def of_superiority(studies: int) -> None:
    """Coverage of intervals of A between two conditions that share templates and base prompts."""
    print(f"\n{'A of two conditions, one of them raised':58} true    held")
    for templates, bases, raised in ((28, 40, 0.0), (28, 40, 0.5), (6, 8, 0.0), (6, 8, 0.5)):
        rng = np.random.default_rng(3)
        template, base = np.divmod(np.arange(templates * bases), bases)
        found = []
        for _ in range(studies):
            shared = 0.5 * rng.normal(size=templates)[template] + 0.5 * rng.normal(size=bases)[base]
            values = {}
            for name, shift in (("a", raised), ("b", 0.0)):
                own = 0.3 * rng.normal(size=templates)[template] + rng.normal(size=len(template))
                values[name] = 1.0 + np.digitize(shared + own + shift, [-0.5, 0.0, 0.5, 1.0])[None]
            samples = Samples(values, template, base, RESAMPLES, 1)
            found.append(superiority(samples, "a", "b", 0.95))
        true = float(np.mean([value for value, _ in found]))
        held = np.mean([ends is not None and ends[0] <= true <= ends[1] for _, ends in found])
        print(f"{f'{templates} × {bases}, raised by {raised:g}':58} {true:.3f}  {held:6.3f}")


def of_time() -> None:
    """Seconds from score rows to tables, for the published design."""
    mixes = {
        "8b": ("vanilla", "human", "single", "multi"),
        "70b": ("vanilla", "human", *(f"{kind}-{size}" for kind in ("single", "multi")
                                      for size in ("small", "medium", "large"))),
    }  # fmt: skip
    every = list(dict.fromkeys(mix for members in mixes.values() for mix in members))
    design = fabricated.design(
        list(mixes), direct=886, templates=28, bases=40, benign=0, control=0, categories=8
    )
    scores = pl.concat(
        fabricated.scores(
            design.filter(pl.col("target") == target), mixes=members, seeds=(1,), failed=0.01,
            leaning={mix: -1.5 + 0.2 * place for place, mix in enumerate(members)},
        )
        for target, members in mixes.items()
    )  # fmt: skip
    responses = scores.filter(pl.col("rubric") == "harmfulness").height
    scales = {name: shipped(name).steps for name in RUBRICS}
    spent = worked = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for target, members in mixes.items():
            # Each target has its own mixes here; in a study both have all.
            own = fabricated.analysis(
                [target], members, contrasts=[(m, "vanilla") for m in members[1:]],
                resamples=2000, permutations=9999, flagged=["t01", "t07"],
            )  # fmt: skip
            rows = scores.filter(pl.col("target") == target)
            start, busy = time.perf_counter(), time.process_time()
            frames = analyse(rows, design.filter(pl.col("target") == target), own, {}, scales)
            counted = time.perf_counter()
            for name, table in rule_tables(RULE, frames, RobustnessContext(own)).items():
                write_all(table.frame, Path(folder) / f"{target}-{name}", table.caption)
            end = time.perf_counter()
            spent, worked = spent + end - start, worked + time.process_time() - busy
            print(f"{target}: statistics {counted - start:.1f} s, tables {end - counted:.1f} s")
    print(
        f"{responses} responses, {scores.height} scores, {len(every)} names of mixes: {spent:.1f} s "
        f"in all, {worked:.1f} s of them at work"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=1000, help="simulated studies per line")
    given = parser.parse_args()
    of_means(given.studies)
    of_shares(given.studies)
    of_superiority(given.studies // 2)
    print(f"\nsimulation error of 95 %: ±{np.sqrt(0.05 * 0.95 / given.studies):.3f}\n")
    of_time()


if __name__ == "__main__":
    main()
