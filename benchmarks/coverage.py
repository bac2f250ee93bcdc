"""How often intervals hold the truth, and tests call a difference that is none, in simulation.

    python benchmarks/coverage.py
    python benchmarks/coverage.py --studies 2000 --texts 400
    python benchmarks/coverage.py --tables vectors words sentences trainings --swaps 0

Prints tables of the coverage of 95 % intervals and of the share of p < .05 without a difference:
means and shares under clusters of prompts, skewed values, one and several trainings; whole families,
and differences that are there. Then all set-level measures, with their own resampling and swap
tests: of sentence vectors; of words and of sentences, which are two ways in which texts arise; and
of three trainings that drift. `SE/sd` is the mean standard error over the true one: above 1 the
intervals are too wide. The last line is the simulation error. The designs are those of the unit
tests, with more studies. The second command prints the intervals of set-level measures alone.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/unit/support"))

from simulated_studies import Design, Refusals, semantic_study, sentence_study, text_study
from statistics_rows import prompt_rows

from manybaskets import measures
from manybaskets.config.evaluation import Comparison, Statistics
from manybaskets.measures.swap_p_values import swap_p
from manybaskets.measures.swap_tests import pair_of, swap_values
from manybaskets.statistics import compare
from manybaskets.statistics.bootstrap import bca
from manybaskets.statistics.cells import cells
from manybaskets.statistics.clusters import cluster_groups, cluster_halves
from manybaskets.statistics.components import t_interval, t_p
from manybaskets.statistics.rates import wilson_of
from manybaskets.statistics.sets import set_trainings, spread
from manybaskets.statistics.signs import sign_flip_p

DESIGNS = [
    Design(20, skewed=True),
    Design(60),
    Design(60, skewed=True),
    Design(200, skewed=True),
    Design(60, largest=6, skewed=True),
    *(
        Design(100, seeds=seeds, training=training, answer=answer, skewed=answer < 1)
        for seeds in ((3, 1), (3, 3), (5, 5))
        for training in (0.0, 0.1, 0.5)
        for answer in (0.5, 3.0)
    ),
]
SHARES = [
    Refusals(0.02),
    Refusals(0.3),
    Refusals(0.02, clusters=200),
    Refusals(0.3, largest=4),
    Refusals(0.3, seeds=3),
    Refusals(0.3, seeds=3, training=0.2),
    Refusals(0.3, seeds=3, training=0.5),
    Refusals(0.05, seeds=3, training=0.3),
]
# A value 1 or 0, and the fit that it is a limit of, have no use for an interval.
WITHOUT_INTERVAL = ("heaps_fit_ok", "heaps_r2")
DRIFTS = (0.0, 0.03, 0.1)


def of_means(studies: int) -> None:
    """Paired differences of measures per prompt."""
    print(f"{'differences of means':72} coverage  below  above  p<.05")
    for design in DESIGNS:
        rng = np.random.default_rng(1)
        means = [design.difference(rng, str(study)) for study in range(studies)]
        low, high = np.array(bca(means, 1999, 0.95, 1)).T
        p = np.array(sign_flip_p(means, 999, 1))
        name = (f"{design.clusters} clusters of 1–{design.largest}, seeds {design.seeds}, "
                f"training {design.training}, answer {design.answer}{', skewed' * design.skewed}")  # fmt: skip
        print(f"{name:72} {((low <= 0) & (high >= 0)).mean():8.3f} {(low > 0).mean():6.3f} "
              f"{(high < 0).mean():6.3f} {(p < 0.05).mean():6.3f}")  # fmt: skip


def of_shares(studies: int) -> None:
    """Shares of one condition."""
    print(f"\n{'shares':52} coverage")
    for design in SHARES:
        rng = np.random.default_rng(2)
        held = []
        for study in range(studies):
            low, high = wilson_of(*design.mean(rng, str(study)), 0.95)
            held.append(low <= design.share <= high)
        name = (f"{design.share:.0%} of {design.clusters} clusters of 1–{design.largest}, "
                f"{design.seeds} seeds, training {design.training}")  # fmt: skip
        print(f"{name:52} {np.mean(held):8.3f}")


def of_families(studies: int) -> None:
    """Whole families without a difference: three correlated measures of two mixes."""
    settings = Statistics(bootstrap_resamples=100, sign_flips=999)
    family = {"f": Comparison(baseline="base", conditions=["a", "b"], measures=["m", "n", "o"])}
    print(f"\n{'families of six comparisons':52} any Holm p < .05")
    for seeds, training in ((1, 0.0), (3, 0.0), (3, 0.3)):
        called = 0
        for study in range(studies):
            rng = np.random.default_rng(study)
            ids = [f"{text:04x}-{place}" for text in range(40) for place in range(2)]
            prompt = rng.exponential(size=80)
            tables = []
            for mix in ("base", "a", "b"):
                moved = training * rng.normal(size=(seeds, 1))
                shared = np.repeat(rng.normal(size=40), 2) + moved
                for measure in ("m", "n", "o"):
                    values = prompt + shared + 0.5 * rng.normal(size=(seeds, 80))
                    tables.append(prompt_rows(values, mix, measure, ids=ids))
            found = compare(pl.concat(tables), family, settings, 1)
            called += found["p_holm"].min() < 0.05
        print(f"{f'{seeds} seeds, training {training}':52} {called / studies:15.3f}")


def of_effects(studies: int) -> None:
    """How often a difference that is there has p < .05."""
    print(f"\n{'differences of half a standard deviation':52} p<.05")
    for design in (
        Design(60, truth=0.5),
        Design(100, truth=0.5, seeds=(3, 3), training=0.05),
        Design(100, truth=0.5, seeds=(3, 3), training=0.2),
        Design(100, truth=0.5, seeds=(5, 5), training=0.2),
    ):
        rng = np.random.default_rng(3)
        means = [design.difference(rng, str(study)) for study in range(studies)]
        p = np.array(sign_flip_p(means, 999, 1))
        name = f"{design.clusters} prompts, seeds {design.seeds}, training {design.training}"
        print(f"{name:52} {(p < 0.05).mean():5.3f}")


def of_sets(
    title: str,
    names: Sequence[str],
    simulate,
    studies: int,
    draws: int,
    swaps: int = 0,
    half_samples: bool = False,
) -> None:
    """Differences of measures of sets between two conditions that are alike, and single values.

    Args:
        title: of the table.
        names: of the measures.
        simulate: gives the inputs of all trainings of the first condition, then of the second.
        studies: number of studies.
        draws: as `statistics.half_samples`.
        swaps: of the swap tests; 0 for none, as for several trainings.
        half_samples: whether all measures use half-samples, for comparison.
    """
    wanted = [measures.get(name) for name in names]
    if half_samples:
        wanted = [replace(each, resampling="halves") for each in wanted]
    found: dict[str, list[tuple]] = {name: [] for name in names}
    for study in range(studies):
        runs = simulate(np.random.default_rng(study))
        ids = runs[0].frame["prompt_id"].to_list()
        halves, groups = cluster_halves(ids, draws, study), cluster_groups(ids, draws, study)
        rows = [
            measures.compute(wanted, inputs, model="m", mix="ab"[2 * place // len(runs)],
                             seed=place, prompt_set="test", all_prompt_ids=ids, draws=halves,
                             groups=groups)
            for place, inputs in enumerate(runs)
        ]  # fmt: skip
        table = cells(pl.concat(rows))
        swapped = swap_values(pair_of(*runs, ids), wanted, swaps, study) if swaps else {}
        for name in names:
            first, second = (table[name, "m", mix, "test"] for mix in "ab")
            difference = first.full.mean() - second.full.mean()
            trained = set_trainings({"a": first, "b": second})
            of_both = spread(first, second, [trained["a"], trained["b"]])
            alone = spread(first, seeds=[trained["a"]])
            low, high = t_interval(difference, of_both.components, 0.95)
            p = swap_p(swapped[name][None], [0], [0], study) if swaps else np.nan
            half = (t_interval(0.0, alone.components, 0.95))[1]
            found[name].append(
                (difference, low <= 0 <= high, of_both.error, t_p(difference, of_both.components), p,
                 first.full.mean(), half, alone.error)
            )  # fmt: skip
    print(f"\n{title:36} difference: coverage SE/sd  t p<.05  swap p<.05 | alone: coverage SE/sd")
    for name, lines in found.items():
        difference, held, error, t, swap, value, half, alone = np.array(lines, dtype=float).T
        if np.ptp(value) < 1e-9:
            print(f"{name:36} does not vary")
            continue
        single = np.abs(value - value.mean()) <= half
        print(f"{name:36} {held.mean():20.3f} {error.mean() / difference.std(ddof=1):5.2f} "
              f"{(t < 0.05).mean():8.3f} {(swap < 0.05).mean() if swaps else np.nan:11.3f} | {single.mean():15.3f} "
              f"{alone.mean() / value.std(ddof=1):5.2f}")  # fmt: skip


def set_measures(given: argparse.Namespace, vectors: bool) -> list[str]:
    """Names of the wanted set-level measures of sentence vectors, or of texts, with variants."""
    known = {"responses", "embeddings", "shortest_words"}
    return [
        each.name
        for each in measures.all_measures()
        if each.level == "set"
        and ("embeddings" in each.needs and each.needs <= known if vectors else each.lexical)
        and not each.name.startswith(WITHOUT_INTERVAL)
        and (given.measures is None or each.name in given.measures)
    ]


def of_vectors(given: argparse.Namespace) -> None:
    """Set-level measures of sentence vectors."""
    of_sets("vectors, 100 prompts", set_measures(given, vectors=True),
            lambda rng: semantic_study(rng, 100), given.texts, given.draws, given.swaps,
            given.half_samples)  # fmt: skip


def of_texts(given: argparse.Namespace, title: str, simulate) -> None:
    """Set-level measures of texts from one simulation."""
    of_sets(f"{title}, {given.prompts} prompts", set_measures(given, vectors=False),
            lambda rng: simulate(rng, given.prompts), given.texts, given.draws, given.swaps,
            given.half_samples)  # fmt: skip


def of_trainings(given: argparse.Namespace) -> None:
    """Set-level measures of texts of three trainings."""
    for drift in given.drifts:
        of_sets(f"three trainings, drift {drift}", set_measures(given, vectors=False),
                lambda rng, drift=drift: text_study(rng, given.prompts, 3, drift), given.texts,
                given.draws, half_samples=given.half_samples)  # fmt: skip


TABLES = {
    "means": lambda given: of_means(given.studies),
    "shares": lambda given: of_shares(given.studies),
    "families": lambda given: of_families(given.studies // 2),
    "effects": lambda given: of_effects(given.studies),
    "vectors": of_vectors,
    "words": lambda given: of_texts(given, "words", text_study),
    "sentences": lambda given: of_texts(given, "sentences", sentence_study),
    "trainings": of_trainings,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=1000, help="of means and shares")
    parser.add_argument("--texts", type=int, default=200, help="studies of set-level measures")
    parser.add_argument("--prompts", type=int, default=150, help="of a study of texts")
    parser.add_argument("--draws", type=int, default=200, help="as `statistics.half_samples`")
    parser.add_argument("--swaps", type=int, default=199, help="of a study of texts; 0 for none")
    parser.add_argument("--half-samples", action="store_true", help="for all, for comparison")
    parser.add_argument("--tables", nargs="+", choices=list(TABLES), default=list(TABLES))
    parser.add_argument("--measures", nargs="+", help="set-level ones; default: all")
    parser.add_argument("--drifts", nargs="+", type=float, default=DRIFTS, help="of trainings")
    given = parser.parse_args()
    for name in given.tables:
        TABLES[name](given)
    sd = [np.sqrt(0.05 * 0.95 / number) for number in (given.studies, given.texts)]
    print(f"\nsimulation error of 95 %: ±{sd[0]:.3f}; of sets ±{sd[1]:.3f}")


if __name__ == "__main__":
    main()
