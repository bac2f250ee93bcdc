"""Statistics and figures of self-preference: seconds for full designs, and coverage in simulation.

    python benchmarks/preference_statistics.py
    python benchmarks/preference_statistics.py --studies 500

First the paper's design (12 judges × 2,500 readings of 100 articles) and the corrected one (12 judges
of 3 training seeds, 25,200 pairs each of 300 articles, their own texts among them), made up by planted
judges: seconds of all statistics, of the tables and of the figures. Target: under 30 seconds for the
paper's. Then how often 95 % intervals hold a planted bias, how often a bias of zero has p < .05, and
what share of judges of each kind has which verdict. The last line is the simulation error.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/unit/support"))

from planted_judges import AUTHORS, MODELS, ROLES, WORDS, Corpus, Planted, Script
from preference_pages import preference_pages
from rule_tables import rule_tables

from manybaskets.config.evaluation import Figures, Statistics
from manybaskets.experiments.preference.analysis import preference_statistics
from manybaskets.experiments.preference.biases import DID, DIRECT_MODELS
from manybaskets.experiments.preference.figures.scope import Scope
from manybaskets.experiments.preference.length_control import AT_ONE
from manybaskets.experiments.preference.roles import Roles
from manybaskets.experiments.preference.tables import RULE
from manybaskets.presentation.figures.figure_style import Look
from manybaskets.presentation.table_forms import write_all
from manybaskets.report.figures import draw

KINDS = {
    "self-preference": (Planted(self_bias=1.0), Corpus()),
    "fair, 300 articles": (Planted(), Corpus(articles=300)),
    "fair, 60 articles": (Planted(), Corpus()),
    "better texts": (Planted(), Corpus(good={"llama": 1.0})),
    "lover of length": (
        Planted(length=2.0),
        Corpus(articles=150, words=WORDS | {"llama": 200.0}),
    ),
    "places only": (Planted(quality=0.0, noise=0.1, place=1.5), Corpus()),
    "dice": (Planted(quality=0.0, noise=1.0), Corpus()),
}


def conditions(targets: list[str], mixes: list[str]) -> Roles:
    """Roles of a study of these targets and mixes."""
    return Roles(
        selves={target: MODELS[place] for place, target in enumerate(targets)},
        models=MODELS,
        mixes=["vanilla", *mixes],
        taught={mix: ["llama", "qwen", "gemma"] for mix in mixes},
        held_out=["mistral"],
        pairs=[(mix, "vanilla") for mix in mixes]
        + [(one, other) for place, one in enumerate(mixes) for other in mixes[place + 1 :]],
    )


def paper_design() -> tuple[pl.DataFrame, Roles]:
    """Twelve judges: two targets with six conditions each, pairs with one set of markers, scores."""
    mixes = ["human", "single-a", "single-b", "multi-a", "multi-b"]
    roles = conditions(["llama", "qwen"], mixes)
    script = Script(Corpus(articles=100), np.random.default_rng(1))
    frames = [
        script.read(Planted(self_bias=0.1 * place), mix, target=target, variant="paper",
                    mine=(target,))
        for target in roles.selves
        for place, mix in enumerate(roles.mixes)
    ]  # fmt: skip
    return pl.concat(frames), roles


def corrected_design() -> tuple[pl.DataFrame, Roles]:
    """Twelve judges with three trainings: 21 pairs, two orders, two sets of markers, 300 articles."""
    mixes = ["human", "single-a", "single-b", "multi-a", "multi-b", "multi-c"]
    roles = conditions(["llama", "qwen"], mixes)
    script = Script(Corpus(articles=300), np.random.default_rng(1))
    for name in ("own", "yi"):
        script.write(name)
    frames = [
        script.read(Planted(self_bias=0.1 * place, trainings=0.1), mix, (1, 2, 3), target=target,
                    mine=(target, "own"), authors=[*AUTHORS, "own", "yi"])
        for target in roles.selves
        for place, mix in enumerate(roles.mixes[1:])
    ]  # fmt: skip
    gold = script.read(Planted(), "gold", target="olmo", mine=())
    return pl.concat([*frames, gold]), roles


def timed(name: str, readings: pl.DataFrame, roles: Roles) -> None:
    """Print the seconds of statistics, tables and figures."""
    start = time.perf_counter()
    frames = preference_statistics(readings, roles, Statistics(), 1)
    statistics = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        for each, table in rule_tables(RULE, frames).items():
            write_all(table.frame, Path(folder) / each, table.caption)
        tables = time.perf_counter() - start
        start = time.perf_counter()
        kinds = {mix: mix.split("-")[0] for mix in roles.mixes[1:]}
        look = Look(Figures(), kinds, {mix: [MODELS[0]] for mix in kinds}, list(roles.selves),
                    ["human", *MODELS])  # fmt: skip
        variants = readings["variant"].unique().sort().to_list()
        scope = Scope(
            roles,
            ways=[[variant, name] for variant in variants for name in ("pairwise", "absolute")],
            asked=readings.filter(pl.col("protocol") == "pairwise")
            .select("variant", "markers").unique().sort("variant", "markers").rows(),
            golds=1,
            discriminating=True,
            settings=look.settings,
        )  # fmt: skip
        pages = preference_pages(scope)
        for name, page in pages.items():
            named = {table: frames[table] for table in page.tables}
            draw(page.kind, Path(folder) / name, named, page.options, look)
        figures = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{name}: {readings.height} readings; statistics {statistics:.1f} s, tables {tables:.1f} s, "
          f"{len(pages)} figures {figures:.1f} s, together {statistics + tables + figures:.1f} s; "
          f"peak memory so far {peak:.2f} GiB")  # fmt: skip


def coverage(studies: int) -> None:
    """Print how often intervals hold a planted bias, and tests call none one."""
    settings = Statistics(bootstrap_resamples=1999, sign_flips=999)
    print(f"\n{'planted':56} {'direct':>7} {'DiD':>7} {'at ratio 1':>11} {'p of SPB < .05':>15}")
    for bias, length, seeds, trainings in (
        (0.0, 0.0, (0,), 0.0),
        (0.5, 0.0, (0,), 0.0),
        (0.5, 1.0, (0,), 0.0),
        (0.5, 0.0, (1, 2, 3), 0.0),
        (0.5, 0.0, (1, 2, 3), 0.2),
        (0.0, 0.0, (1, 2, 3), 0.2),
    ):
        held: Counter[str] = Counter()
        for study in range(studies):
            rng = np.random.default_rng(study)
            script = Script(Corpus(articles=60), rng)
            judge = Planted(self_bias=bias, length=length, trainings=trainings)
            mix = "single" if len(seeds) > 1 else "vanilla"
            gold = script.read(Planted(length=length), "gold", target="olmo", mine=())
            readings = pl.concat([script.read(judge, mix, seeds), gold])
            found = preference_statistics(readings, ROLES, settings, study)
            told = {
                (each["statistic"], each["unit"]): each
                for each in found["preference-estimates"]
                .filter(pl.col("protocol") == "pairwise")
                .iter_rows(named=True)
            }
            length_rows = found["preference-length"].filter(
                pl.col("statistic") == AT_ONE, pl.col("contrast") == "self against models",
                pl.col("protocol") == "pairwise",
            )  # fmt: skip
            rows = {
                "direct": told[DIRECT_MODELS, "log-odds"],
                "did": told[DID, "log-odds"],
                "at one": length_rows.row(0, named=True),
            }
            for name, each in rows.items():
                held[name] += each["low"] <= bias <= each["high"]
            held["p"] += told["spb", "probability"]["p"] < 0.05
        name = (f"bias {bias}, length {length}, {len(seeds)} trainings that differ by {trainings}")  # fmt: skip
        shares = [held[key] / studies for key in ("direct", "did", "at one", "p")]
        print(f"{name:56} {shares[0]:7.3f} {shares[1]:7.3f} {shares[2]:11.3f} {shares[3]:15.3f}")


def verdicts(studies: int) -> None:
    """Print the verdicts on judges of each kind."""
    settings = Statistics(bootstrap_resamples=1999, sign_flips=999)
    print(f"\n{'kind of judge':22} verdicts (pairwise)")
    for kind, (judge, corpus) in KINDS.items():
        told: Counter[str] = Counter()
        for study in range(studies):
            script = Script(corpus, np.random.default_rng(study))
            gold = script.read(Planted(), "gold", target="olmo", mine=())
            found = preference_statistics(
                pl.concat([script.read(judge), gold]), ROLES, settings, study
            )
            rows = found["preference"].filter(pl.col("protocol") == "pairwise")
            told[rows["verdict"][0]] += 1
        listed = "; ".join(f"{name} {number / studies:.2f}" for name, number in told.most_common())
        print(f"{kind:22} {listed}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=200, help="simulated studies of a design")
    parser.add_argument("--no-simulation", action="store_true", help="print the seconds only")
    given = parser.parse_args()
    timed("paper's design", *paper_design())
    timed("corrected design", *corrected_design())
    if given.no_simulation:
        return
    coverage(given.studies)
    verdicts(max(20, given.studies // 4))
    print(f"\nsimulation error of 95 %: ±{np.sqrt(0.05 * 0.95 / given.studies):.3f}")


if __name__ == "__main__":
    main()
