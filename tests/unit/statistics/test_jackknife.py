"""Spread of measures of sets: left-out prompts, half-samples, clusters, trainings."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import stats
from simulated_studies import semantic_study, text_study

from manybaskets import measures
from manybaskets.config.evaluation import Comparison, Statistics
from manybaskets.measures import EXCLUDED, LEFT_OUT, USED
from manybaskets.records.ids import row_seed
from manybaskets.records.measured import GROUP_DRAWS, GROUPS, MEASURED
from manybaskets.statistics import compare, summarise
from manybaskets.statistics.cells import cells
from manybaskets.statistics.clusters import cluster_groups, cluster_halves
from manybaskets.statistics.components import t_interval
from manybaskets.statistics.sets import spread

SETTINGS = Statistics(bootstrap_resamples=100, sign_flips=99)


def rows_of(full: dict[int, float], left_out: dict[int, dict[str, float]], mix: str = "a"):
    """Rows of a set measure with left-out prompts, by seed."""
    found = []
    for seed, value in full.items():
        entries = [(None, 0, value), (None, USED, 40.0), (None, EXCLUDED, 0.0)]
        entries += [(prompt, LEFT_OUT, without) for prompt, without in left_out[seed].items()]
        found += [("s", "tiny", mix, seed, "test", *entry) for entry in entries]
    return pl.DataFrame(found, schema=MEASURED, orient="row")


def mean_left_out(values: np.ndarray, ids: list[str]) -> dict[str, float]:
    return {name: np.delete(values, place).mean() for place, name in enumerate(ids)}


def only_cell(rows: pl.DataFrame):
    (cell,) = cells(rows).values()
    return cell


def test_the_jackknife_of_a_mean_is_its_standard_error() -> None:
    values = np.random.default_rng(1).gamma(2.0, size=40)
    ids = [f"{place:04x}-0" for place in range(40)]
    rows = rows_of({0: values.mean()}, {0: mean_left_out(values, ids)})
    found = spread(only_cell(rows))
    assert found.error == pytest.approx(values.std(ddof=1) / np.sqrt(40))
    assert found.units == 40 and found.components[0].degrees == 39
    line = summarise(rows, SETTINGS, 1).row(0, named=True)
    expected = stats.t.interval(0.95, 39, values.mean(), found.error)
    assert (line["low"], line["high"]) == pytest.approx(expected)
    assert "jackknife over prompts" in line["method"] and line["median"] is None


def test_prompts_of_one_text_are_left_out_together() -> None:
    rng = np.random.default_rng(2)
    texts = rng.normal(size=20)
    values = np.repeat(texts, 3)
    ids = [f"{text:04x}-{place}" for text in range(20) for place in range(3)]
    found = spread(only_cell(rows_of({0: values.mean()}, {0: mean_left_out(values, ids)})))
    assert found.units == 20
    assert found.error == pytest.approx(texts.std(ddof=1) / np.sqrt(20))
    apart = [f"{place:04x}-0" for place in range(60)]
    wrong = spread(only_cell(rows_of({0: values.mean()}, {0: mean_left_out(values, apart)})))
    assert wrong.error < 0.62 * found.error


def test_a_difference_leaves_the_same_prompt_out_of_both() -> None:
    rng = np.random.default_rng(3)
    shared = rng.normal(0, 5, 40)
    first, second = shared + rng.normal(0.3, 1, 40), shared + rng.normal(0, 1, 40)
    ids = [f"{place:04x}-0" for place in range(40)]
    rows = pl.concat(
        [
            rows_of({0: each.mean()}, {0: mean_left_out(each, ids)}, mix)
            for each, mix in ((first, "a"), (second, "base"))
        ]
    )
    family = {"main": Comparison(baseline="base", conditions=["a"], measures=["s"])}
    line = compare(rows, family, SETTINGS, 1).row(0, named=True)
    t = stats.ttest_rel(first, second)
    assert line["p"] == pytest.approx(t.pvalue)
    interval = t.confidence_interval(0.95)
    assert (line["low"], line["high"]) == pytest.approx((interval.low, interval.high))
    for name in ("effect", "rank_biserial", "share_above", "trimmed"):
        assert line[name] is None


def test_a_prompt_that_counts_in_one_set_only_moves_the_other_by_nothing() -> None:
    values = np.random.default_rng(4).normal(size=12)
    ids = [f"{place:04x}-0" for place in range(12)]
    whole = mean_left_out(values, ids)
    listed = rows_of({0: values.mean()}, {0: whole})
    partly = {name: value for name, value in whole.items() if name != ids[3]}
    unlisted = rows_of({0: values.mean()}, {0: partly}, "b")
    same = rows_of({0: values.mean()}, {0: partly | {ids[3]: values.mean()}}, "b")
    errors = [
        spread(*cells(pl.concat([listed, other])).values()).error for other in (same, unlisted)
    ]
    assert errors[0] == pytest.approx(errors[1]) and errors[0] > 0


def test_trainings_add_what_the_prompts_do_not_explain() -> None:
    rng = np.random.default_rng(5)
    prompts, training = rng.normal(size=30), np.array([-1.0, 0.0, 2.0])
    ids = [f"{place:04x}-0" for place in range(30)]
    tables = {seed: prompts + move for seed, move in enumerate(training, start=1)}
    rows = rows_of(
        {seed: each.mean() for seed, each in tables.items()},
        {seed: mean_left_out(each, ids) for seed, each in tables.items()},
    )
    of_prompts, of_seeds = spread(only_cell(rows)).components
    assert of_prompts.variance == pytest.approx(prompts.var(ddof=1) / 30)
    assert (of_seeds.variance, of_seeds.degrees) == (pytest.approx(training.var(ddof=1) / 3), 2)


def test_halves_hold_whole_clusters() -> None:
    ids = [f"{text:04x}-{place}" for text in range(9) for place in range(1 + text % 3)]
    halves = cluster_halves(ids[::-1], 50, 7)
    for half in halves:
        texts = {sorted(ids)[row].split("-")[0] for row in half}
        assert len(texts) == 4
        assert len(half) == sum(each.split("-")[0] in texts for each in ids)
    assert len({tuple(half) for half in halves}) > 20
    single = [f"{text:04x}-0" for text in range(10)]
    rng = np.random.default_rng(row_seed(7, "half-samples", single))
    expected = [np.sort(rng.permutation(10)[:5]) for _ in range(5)]
    assert all(map(np.array_equal, cluster_halves(single, 5, 7), expected))


def grouped(function, prompts: int, draws: int, seeds=(0,)):
    """Cell of `function(seed, prompts kept)` on all prompts and without groups of them."""
    ids = [f"{place:04x}-0" for place in range(prompts)]
    sets = [(0, np.arange(prompts)), *enumerate(cluster_groups(ids, draws, 1), start=GROUP_DRAWS)]
    rows = [
        ("s", "tiny", "a", seed, "test", None, number, float(function(seed, kept)))
        for seed in seeds
        for number, kept in sets
    ]
    return only_cell(pl.DataFrame(rows, schema=MEASURED, orient="row"))


def test_groups_of_a_mean_have_its_standard_error_and_no_interaction() -> None:
    values = np.random.default_rng(1).gamma(2.0, size=200)
    found = spread(grouped(lambda _, kept: values[kept].mean(), 200, 900))
    assert found.error == pytest.approx(values.std(ddof=1) / np.sqrt(200), rel=0.03)
    assert found.components[0].degrees == pytest.approx(30 * (GROUPS - 1), rel=1e-3)


def test_interactions_of_prompts_are_not_counted_twice() -> None:
    """A mean over pairs without an effect of single prompts: its jackknife is twice its variance."""
    signs = np.random.default_rng(2).normal(size=(200, 200))
    pairs = (signs + signs.T) / np.sqrt(2)
    np.fill_diagonal(pairs, 0.0)

    def mean(_, kept):
        return pairs[np.ix_(kept, kept)].sum() / (len(kept) * (len(kept) - 1))

    error = np.sqrt(2 / (200 * 199))
    found = spread(grouped(mean, 200, 600)).error / error
    # J / (1 + Q / J) of J = 2 and Q = 1 is 4 / 3.
    assert found == pytest.approx(np.sqrt(4 / 3), rel=0.1)


def test_intervals_from_groups_of_prompts_cover_in_simulation() -> None:
    """95 % intervals of differences in distinct-2 and self-BLEU, over 80 studies of 50 prompts.

    `benchmarks/coverage.py` prints the coverage of every measure.
    """
    names = ["distinct_2", "self_bleu"]
    wanted = [measures.get(name) for name in names]
    covered = []
    for study in range(80):
        rows = []
        for mix, inputs in zip("ab", text_study(np.random.default_rng(study), 50), strict=True):
            ids = inputs.frame["prompt_id"].to_list()
            rows.append(
                measures.compute(wanted, inputs, model="m", mix=mix, seed=0, prompt_set="test",
                                 all_prompt_ids=ids, groups=cluster_groups(ids, 60, study))
            )  # fmt: skip
        found = cells(pl.concat(rows))
        for name in names:
            first, second = (found[name, "m", mix, "test"] for mix in "ab")
            low, high = t_interval(
                first.full[0] - second.full[0], spread(first, second).components, 0.95
            )
            covered.append(low <= 0 <= high)
    shares = np.array(covered).reshape(-1, 2).mean(axis=0)
    assert (shares >= 0.92).all()


def test_the_semantic_distance_is_covered_in_simulation() -> None:
    """The jackknife of the U-statistic: 92 to 98 % of 95 % intervals hold the truth, of either
    condition and of the difference. Pairs taken as independent would give a sixtieth of the width."""
    rng = np.random.default_rng(6)
    wanted = [measures.get("semantic_between")]
    family = {"main": Comparison(baseline="b", conditions=["a"], measures=["semantic_between"])}
    lines, differences = [], []
    for _ in range(200):
        rows = []
        for mix, inputs in zip("ab", semantic_study(rng, 60), strict=True):
            ids = inputs.frame["prompt_id"].to_list()
            rows.append(
                measures.compute(wanted, inputs, model="m", mix=mix, seed=0, prompt_set="test",
                                 all_prompt_ids=ids)
            )  # fmt: skip
        cell = only_cell(rows[0])
        half = stats.t.ppf(0.975, 59) * spread(cell).error
        lines.append((cell.full[0], half))
        found = compare(pl.concat(rows), family, SETTINGS, 1) if len(differences) < 2 else None
        both = cells(pl.concat(rows))
        difference = spread(*both.values())
        values = [each.full[0] for each in both.values()]
        differences.append((values[0] - values[1], stats.t.ppf(0.975, 59) * difference.error))
        if found is not None:
            width = found["high"][0] - found["low"][0]
            assert width == pytest.approx(2 * differences[-1][1])
    values, half = np.array(lines).T
    assert 0.92 <= (np.abs(values - values.mean()) <= half).mean() <= 0.98
    values, half = np.array(differences).T
    assert 0.92 <= (np.abs(values) <= half).mean() <= 0.98
    # A difference is paired: answers to the same prompt are alike.
    assert half.mean() < 0.9 * np.sqrt(2) * np.array(lines)[:, 1].mean()
