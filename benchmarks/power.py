"""How often differences between mixes are found, and null differences called, in simulation.

    python benchmarks/power.py
    python benchmarks/power.py --studies 1000

Every study has several mixes with a baseline, and values of all their trainings for every prompt:
prompt + mix × prompt (sd √½, so that paired differences have sd 1) + training + answer. Prints, for
each design, how often 95 % intervals contain the true difference, their width, and how often the
difference is found: by p < .05, and by Holm's p < .05 in families of several tests. The column
`alone` is an estimate without what the conditions have in common: only prompts without any missing
value, and the trainings of either side by themselves. The second table has whole families: how
often any true null is called significant, without a difference and with half of them. The third
table has prompts that cross jailbreak templates with base prompts, as in the robustness experiment;
the fourth has shares, the intervals of single mixes; the fifth differences of shares, where the other
mixes of the study have quite other shares, also without what shares have in common (`as means`).
The last line is the simulation error.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.stats import norm

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

from manybaskets.statistics import crossed
from manybaskets.statistics.bootstrap import Mean, bca, difference_of, mean_of
from manybaskets.statistics.conditions import condition_means
from manybaskets.statistics.crossed_trainings import moderated_means
from manybaskets.statistics.multiplicity import holm
from manybaskets.statistics.rates import wilson_of
from manybaskets.statistics.signs import sign_flip_p


@dataclass(frozen=True)
class Study:
    """Values of `mixes` mixes and a baseline; `untuned` for a baseline with one run and no training.

    Args:
        effect: difference of the first `affected` mixes from the baseline.
        training: standard deviation between trainings.
        uneven: of the logarithm of that of each mix; `wild`: factor of the first mix.
        missing: share of values missing at random.
        once: whether the first mix was trained once.
    """

    mixes: int = 3
    trainings: int = 3
    prompts: int = 100
    effect: float = 0.0
    affected: int = 1
    training: float = 0.1
    uneven: float = 0.0
    wild: float = 1.0
    answer: float = 0.5
    missing: float = 0.0
    skewed: bool = False
    untuned: bool = False
    once: bool = False

    def values(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """`[seed, prompt]` of every mix; the last is the baseline."""
        prompt = rng.normal(size=self.prompts)
        values = {}
        for mix in range(self.mixes + 1):
            untuned = self.untuned and mix == self.mixes
            seeds = 1 if untuned or (self.once and mix == 0) else self.trainings
            spread = self.training * np.exp(self.uneven * rng.normal() - self.uneven**2)
            spread *= 0.0 if untuned else self.wild if mix == 0 else 1.0
            own = (
                rng.exponential(size=self.prompts) - 1
                if self.skewed
                else rng.normal(size=self.prompts)
            )
            each = prompt + np.sqrt(0.5) * own + self.effect * (mix < self.affected)
            each = each + spread * rng.normal(size=(seeds, 1))
            each = each + self.answer * rng.normal(size=(seeds, self.prompts))
            each[rng.random(each.shape) < self.missing] = np.nan
            values[f"mix{mix}"] = each
        return values

    def together(self, values: Mapping[str, np.ndarray]) -> dict[str, Mean]:
        """Means as the workflow estimates them."""
        there = ~np.isnan(np.concatenate(list(values.values()))).all(axis=0)
        trained = {name: not (self.untuned and name == f"mix{self.mixes}") for name in values}
        kept = {name: each[:, there] for name, each in values.items()}
        return condition_means(kept, np.arange(int(there.sum())), trained)

    def alone(self, values: Mapping[str, np.ndarray]) -> dict[str, Mean]:
        """Means of complete prompts, and of each mix by itself."""
        there = ~np.isnan(np.concatenate(list(values.values()))).any(axis=0)
        sizes = np.ones(int(there.sum()))
        return {name: mean_of(each[:, there], sizes, (name,)) for name, each in values.items()}


DESIGNS = {
    "1 training sd 0": Study(training=0.0),
    "2 training sd .1": Study(),
    "3 training sd .3": Study(training=0.3),
    "4 two trainings": Study(trainings=2),
    "5 two mixes": Study(mixes=1),
    "6 eight mixes": Study(mixes=7, training=0.2),
    "7 against untuned": Study(untuned=True, training=0.2),
    "8 a tenth missing": Study(prompts=40, missing=0.1, training=0.2),
    "9 a tenth missing, skewed": Study(prompts=40, missing=0.1, training=0.0, skewed=True),
    "10 skewed": Study(skewed=True, prompts=60),
    "11 uneven trainings": Study(mixes=5, training=0.2, uneven=0.5),
    "12 trained once": Study(once=True, training=0.2),
    "13 one mix four times as unstable": Study(mixes=5, wild=4.0),
}
# Designs with a difference of the first mix, and the size of the family that it belongs to.
FOUND = {
    "untuned, 1,500 prompts, sd .1": (Study(7, 3, 1500, 0.5, untuned=True), 168),
    "untuned, 1,500 prompts, sd .05": (Study(7, 3, 1500, 0.5, training=0.05, untuned=True), 168),
    "2 trainings, 100 prompts, sd .02": (Study(3, 2, 100, 0.5, training=0.02), 12),
    "3 trainings, 100 prompts, sd .02": (Study(3, 3, 100, 0.5, training=0.02), 12),
    "5 trainings, 100 prompts, sd .02": (Study(3, 5, 100, 0.5, training=0.02), 12),
    "a tenth missing, 100 prompts, sd .1": (Study(3, 3, 100, 0.5, missing=0.1), 12),
    "a tenth missing, 200 prompts, sd .02": (Study(3, 3, 200, 0.5, training=0.02, missing=0.1), 12),
    "a tenth missing, 40 prompts, .6, sd 0": (Study(1, 3, 40, 0.6, training=0.0, missing=0.1), 1),
    "a tenth missing, 40 prompts, .6, sd .2": (Study(1, 3, 40, 0.6, training=0.2, missing=0.1), 1),
}


def simulate(design: Study, studies: int, mean: str) -> tuple[np.ndarray, np.ndarray]:
    """Intervals and p of the first mix against the baseline: `[study, 2]` and `[study]`."""
    rng = np.random.default_rng(1)
    differences = []
    for _ in range(studies):
        means = getattr(design, mean)(design.values(rng))
        differences.append(difference_of(means["mix0"], means[f"mix{design.mixes}"]))
    intervals = [each or (np.nan, np.nan) for each in bca(differences, 1999, 0.95, 1)]
    return np.array(intervals), np.array(sign_flip_p(differences, 9999, 1))


def of_designs(studies: int) -> None:
    """Coverage and false positives without a difference."""
    print(f"{'without a difference':40} coverage  width  p<.05 | alone: coverage  width  p<.05")
    for name, design in DESIGNS.items():
        cells = []
        for mean in ("together", "alone"):
            ends, p = simulate(design, studies, mean)
            held = ((ends[:, 0] <= 0) & (ends[:, 1] >= 0)).mean()
            width = np.nanmedian(ends[:, 1] - ends[:, 0])
            cells.append(f"{held:8.3f} {width:6.2f} {(p < 0.05).mean():6.3f}")
        print(f"{name:40} {cells[0]} |        {cells[1]}", flush=True)


def of_effects(studies: int) -> None:
    """How often a difference that is there is found, also by the first step of Holm's correction."""
    head = "coverage  p<.05  Holm"
    print(f"\n{'with a difference of .5 (or .6)':40} {head} | alone: {head}")
    for name, (design, family) in FOUND.items():
        cells = []
        for mean in ("together", "alone"):
            ends, p = simulate(design, studies, mean)
            held = ((ends[:, 0] <= design.effect) & (ends[:, 1] >= design.effect)).mean()
            cells.append(f"{held:8.3f} {(p < 0.05).mean():6.3f} {(p * family < 0.05).mean():5.3f}")
        print(f"{f'{name}, {family} tests':40} {cells[0]} |        {cells[1]}", flush=True)


def of_families(studies: int) -> None:
    """Families of all mixes and four measures: whether Holm's p of any true null is below .05."""
    print(f"\n{'families':52} any null Holm p < .05")
    for trainings in (2, 3):
        for training in (0.0, 0.1, 0.3):
            for affected in (0, 2):
                design = Study(3, trainings, 60, 1.0, affected, training=training, missing=0.02)
                called = sum(_called(design, study) for study in range(studies))
                name = f"{trainings} trainings, sd {training}, {affected} of 3 mixes differ"
                print(f"{name:52} {called / studies:.3f}", flush=True)


def of_crossed(studies: int) -> None:
    """Three trainings of five mixes on 8 templates × 12 base prompts, pooled and alone."""
    head = "coverage  p<.05"
    print(f"\n{'8 templates × 12 base prompts, 5 mixes':52} {head} | alone: {head}")
    templates, bases = (each.ravel() for each in np.indices((8, 12)))
    for trainings, training in ((3, 0.0), (3, 0.1), (3, 0.3), (2, 0.1)):
        for effect in (0.0, 0.6):
            rng = np.random.default_rng(2)
            differences: list[list[crossed.CrossedMean]] = [[], []]
            for _ in range(studies):
                shared = rng.normal(size=(8, 1)) + rng.normal(size=12)
                values = {}
                for mix in range(5):
                    own = 0.2 * (rng.normal(size=(8, 1)) + rng.normal(size=12))
                    each = (shared + own).ravel() + effect * (mix == 0)
                    each = each + training * rng.normal(size=(trainings, 1))
                    values[f"mix{mix}"] = each + 0.5 * rng.normal(size=(trainings, 96))
                pooled = moderated_means(values, templates, bases, "m")
                alone = {
                    name: crossed.crossed_mean(each, templates, bases, (name,))
                    for name, each in values.items()
                }
                for place, means in enumerate((pooled, alone)):
                    differences[place].append(crossed.difference(means["mix0"], means["mix4"]))
            cells = []
            for means in differences:
                ends = np.array(crossed.intervals(means, 1999, 0.95, 1))
                held = ((ends[:, 0] <= effect) & (ends[:, 1] >= effect)).mean()
                p = np.array(crossed.p_values(means, 999, 1))
                cells.append(f"{held:8.3f} {(p < 0.05).mean():6.3f}")
            name = f"{trainings} trainings, sd {training}, difference {effect}"
            print(f"{name:52} {cells[0]} |        {cells[1]}", flush=True)


def of_shares(studies: int) -> None:
    """Coverage of shares: how often a mix's values exceed a threshold, over all possible studies."""
    print(f"\n{'share of one mix of four':52} coverage  width | alone: coverage  width")
    for trainings, training, share in (
        (3, 0.0, 0.5), (3, 0.0, 0.1), (3, 0.2, 0.5), (3, 0.2, 0.1), (3, 0.5, 0.5), (2, 0.2, 0.5),
    ):  # fmt: skip
        design = Study(3, trainings, 100, training=training)
        deviation = np.sqrt(1.5 + training**2 + design.answer**2)
        threshold = norm.isf(share) * deviation
        rng = np.random.default_rng(3)
        ends: list[list[tuple[float, float]]] = [[], []]
        for _ in range(studies):
            values = {
                name: (each > threshold).astype(float) for name, each in design.values(rng).items()
            }
            for place, means in enumerate((design.together(values), design.alone(values))):
                ends[place].append(wilson_of(means["mix0"], trainings * design.prompts, 0.95))
        cells = []
        for each in map(np.array, ends):
            held = ((each[:, 0] <= share) & (each[:, 1] >= share)).mean()
            cells.append(f"{held:8.3f} {np.median(each[:, 1] - each[:, 0]):6.2f}")
        name = f"{trainings} trainings, sd {training}, share {share}"
        print(f"{name:52} {cells[0]} |        {cells[1]}", flush=True)


SHARES = {
    "equal, others .3 to .8": (0.05, 0.05, (0.3, 0.5, 0.8)),
    "equal, others .02 to .1": (0.5, 0.5, (0.02, 0.05, 0.1)),
    "equal, others alike": (0.3, 0.3, (0.2, 0.3, 0.4)),
    "different, others .3 to .8": (0.02, 0.1, (0.3, 0.5, 0.8)),
    "different, others .02 to .1": (0.5, 0.3, (0.02, 0.05, 0.1)),
}


def of_share_differences(studies: int) -> None:
    """Differences of shares in studies whose other mixes have other shares."""
    head = "coverage  p<.05"
    print(f"\n{'shares of a mix and its baseline':40} {head} | as means: {head} | alone: {head}")
    for training in (0.1, 0.3):
        for name, (own, base, others) in SHARES.items():
            design = Study(4, 3, 100, training=training)
            rates = dict(
                zip(("mix0", "mix1", "mix2", "mix3", "mix4"), (own, *others, base), strict=True)
            )
            deviation = np.sqrt(1.5 + training**2 + design.answer**2)
            rng = np.random.default_rng(4)
            differences: list[list[Mean]] = [[], [], []]
            for _ in range(studies):
                values = {
                    mix: (each > norm.isf(rates[mix]) * deviation).astype(float)
                    for mix, each in design.values(rng).items()
                }
                # The same differences, in numbers that are not taken for shares.
                other = {mix: 2 * each for mix, each in values.items()}
                for place, (means, unit) in enumerate(
                    (
                        (design.together(values), 1),
                        (design.together(other), 2),
                        (design.alone(values), 1),
                    )
                ):
                    found = difference_of(means["mix0"], means["mix4"])
                    differences[place].append(scaled(found, 1 / unit))
            cells = []
            for each in differences:
                ends = np.array([end or (np.nan, np.nan) for end in bca(each, 1999, 0.95, 1)])
                held = ((ends[:, 0] <= own - base) & (ends[:, 1] >= own - base)).mean()
                p = np.array(sign_flip_p(each, 9999, 1))
                cells.append(f"{held:8.3f} {(p < 0.05).mean():6.3f}")
            print(
                f"{f'{name}, sd {training}':40} {cells[0]} |           {cells[1]} |        {cells[2]}",
                flush=True,
            )


def scaled(mean: Mean, factor: float) -> Mean:
    """A mean in other units."""
    seeds = mean.seeds and replace(mean.seeds, variance=mean.seeds.variance * factor**2)
    return replace(mean, sums=mean.sums * factor, seeds=seeds)


def _called(design: Study, study: int) -> bool:
    rng = np.random.default_rng(study)
    differences = []
    for _ in range(4):
        means = design.together(design.values(rng))
        base = means[f"mix{design.mixes}"]
        differences += [difference_of(means[f"mix{mix}"], base) for mix in range(design.mixes)]
    p = holm(sign_flip_p(differences, 999, study))
    nulls = [p[place] for place in range(len(p)) if place % design.mixes >= design.affected]
    return min(nulls) < 0.05


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=300, help="per design")
    given = parser.parse_args()
    of_designs(given.studies)
    of_effects(given.studies)
    of_families(given.studies)
    of_crossed(given.studies)
    of_shares(given.studies)
    of_share_differences(given.studies)
    print(f"\nsimulation error of 95 %: ±{np.sqrt(0.05 * 0.95 / given.studies):.3f}")


if __name__ == "__main__":
    main()
