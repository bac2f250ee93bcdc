"""Estimates and comparisons together: exclusions, clusters, orders of rows, nothing to say."""

from __future__ import annotations

import warnings

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from scipy import stats
from statistics_rows import QUICK, USUAL, family, only, prompt_rows, set_rows
from statsmodels.stats.proportion import proportion_confint

from manybaskets.config.evaluation import Comparison
from manybaskets.errors import UserError
from manybaskets.statistics import (
    DISTRIBUTIONS,
    SEEDS,
    compare,
    prompt_quantiles,
    seed_values,
    summarise,
)


def test_summary_of_one_seed_is_the_bootstrap_of_the_mean() -> None:
    values = np.random.default_rng(1).gamma(2.0, size=120)
    line = only(summarise(prompt_rows(values, "a"), USUAL, 1))
    expected = stats.bootstrap(
        (values,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    assert line["estimate"] == pytest.approx(values.mean())
    assert line["low"] == pytest.approx(expected.low, abs=0.04)
    assert line["high"] == pytest.approx(expected.high, abs=0.04)
    assert (line["n_prompts"], line["n_excluded"], line["n_seeds"]) == (120, 0, 1)
    assert line["seed_sd"] is None and "one training run" in line["method"]


def test_a_missing_value_removes_itself_and_is_counted() -> None:
    nan = np.nan
    values = np.array([[1.0, 2.0, nan, 9.0, nan], [3.0, 4.0, 5.0, nan, nan]])
    line = only(summarise(prompt_rows(values, "a"), QUICK, 1))
    # The second seed is 2 above the first on their common prompts: 1 2 3 9 and 3 4 5 11.
    assert line["estimate"] == pytest.approx((3.75 + 5.75) / 2)
    assert (line["n_prompts"], line["n_excluded"], line["n_missing"]) == (4, 1, 2)
    assert line["seed_sd"] == pytest.approx(np.std([1.0, 3.0], ddof=1))
    nothing = only(summarise(prompt_rows(values * np.nan, "a"), QUICK, 1))
    assert nothing["estimate"] is None and nothing["low"] is None
    assert (nothing["n_prompts"], nothing["n_excluded"]) == (0, 5)


def test_seeds_widen_the_interval() -> None:
    rng = np.random.default_rng(3)
    prompts = rng.normal(size=200)
    alike = only(summarise(prompt_rows(np.stack([prompts] * 3), "a"), USUAL, 1))
    moved = only(summarise(prompt_rows(prompts + np.array([[-1.0], [0.0], [1.0]]), "a"), USUAL, 1))
    assert moved["estimate"] == pytest.approx(alike["estimate"])
    # The standard error of the seeds alone is 1 / sqrt(3).
    assert moved["high"] - moved["low"] > 1.6
    assert alike["high"] - alike["low"] < 0.4


@pytest.mark.parametrize("right", [0, 1, 30, 48])
def test_shares_of_one_seed_have_wilson_intervals(right: int) -> None:
    values = np.array([1.0] * right + [0.0] * (48 - right))
    line = only(summarise(prompt_rows(values, "a"), USUAL, 1))
    expected = proportion_confint(right, 48, method="wilson")
    assert (line["low"], line["high"]) == pytest.approx(expected, abs=1e-9)
    assert line["high"] - line["low"] > 0.05 and "Wilson" in line["method"]


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_shares_of_several_seeds_never_have_an_interval_without_width(share: float) -> None:
    values = np.full((3, 48), share)
    line = only(summarise(prompt_rows(values, "a"), QUICK, 1))
    expected = proportion_confint(share * 48, 48, method="wilson")
    assert (line["low"], line["high"]) == pytest.approx(expected, abs=1e-9)
    assert "prompts as n" in line["method"]


def test_set_measures_rest_on_half_samples_and_seeds() -> None:
    rng = np.random.default_rng(8)
    shared = rng.normal(size=100)
    full, draws = [5.0, 6.0, 7.0], np.stack([shared + 5, shared + 6, shared + 7])
    line = only(summarise(set_rows(full, draws, "a"), USUAL, 1))
    a, b = shared.var(ddof=1), 1.0 / 3
    # The draws are of 50 prompts, which leave no more than 49 degrees of freedom.
    half = np.sqrt(stats.t.ppf(0.975, 49) ** 2 * a + stats.t.ppf(0.975, 2) ** 2 * b)
    assert line["estimate"] == pytest.approx(6.0) and line["seed_sd"] == pytest.approx(1.0)
    assert (line["low"], line["high"]) == pytest.approx((6 - half, 6 + half))
    assert (line["n_prompts"], line["n_excluded"], line["n_seeds"]) == (50, 2, 3)


def test_nothing_varies_and_nothing_warns() -> None:
    constant = np.full((3, 20), 7.3)
    rows = pl.concat(
        [
            prompt_rows(constant, "a"),
            prompt_rows(constant[:1], "base"),
            set_rows([2.0], [np.full(20, 2.0)], "a"),
            set_rows([2.0], [np.full(20, 2.0)], "base"),
            set_rows([3.0], [np.full(20, 3.0)], "c"),
            set_rows([np.nan], [np.full(20, np.nan)], "d"),
            prompt_rows(constant[:, :1], "c"),
            prompt_rows(constant * np.nan, "d"),
        ]
    )
    families = family("a", "c", measures=["m", "s"]) | {
        "rest": Comparison(baseline="base", conditions=["a", "d"], measures=["m", "s"])
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        summary = summarise(rows, QUICK, 1)
        found = compare(rows, families, QUICK, 1)
    assert summary.height == 8
    rest = found.filter((pl.col("family") == "rest") & (pl.col("measure") == "m"))
    assert rest["p"].to_list() == [1.0, None] and rest["n_prompts"].to_list() == [20, 0]
    found = pl.concat([found.filter(pl.col("family") == "main"), found.filter(mix="d")])
    p = {(x["measure"], x["mix"]): (x["p"], x["effect"]) for x in found.iter_rows(named=True)}
    assert p["m", "a"] == p["s", "a"] == p["m", "c"] == (1.0, None)
    assert p["m", "d"] == p["s", "d"] == (None, None)
    assert 0 < p["s", "c"][0] < 0.05


def test_what_was_not_measured_is_named() -> None:
    rows = prompt_rows(np.ones(5), "base")
    with pytest.raises(UserError, match="tiny/a"):
        compare(rows, family("a"), QUICK, 1)
    with pytest.raises(UserError, match="any model"):
        compare(rows, family("a", measures=["zzz"]), QUICK, 1)
    with pytest.raises(UserError, match="have a duplicate key"):
        summarise(pl.concat([rows, rows]), QUICK, 1)
    with pytest.raises(UserError, match="columns"):
        summarise(rows.drop("draw"), QUICK, 1)


@settings(max_examples=10, deadline=None)
@given(order=st.randoms(use_true_random=False), seed=st.integers(0, 1000))
def test_the_order_of_the_rows_means_nothing(order, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = pl.concat(
        [
            prompt_rows(rng.normal(size=(3, 12)), "a"),
            prompt_rows(rng.normal(size=(1, 12)), "base"),
            set_rows(rng.normal(size=2), rng.normal(size=(2, 20)), "a"),
            set_rows(rng.normal(size=2), rng.normal(size=(2, 20)), "base"),
        ]
    )
    places = list(range(rows.height))
    order.shuffle(places)
    families = family("a", measures=["m", "s"])
    assert_frame_equal(
        summarise(rows, QUICK, 1), summarise(rows[places], QUICK, 1), check_exact=True
    )
    assert_frame_equal(
        compare(rows, families, QUICK, 1),
        compare(rows[places], families, QUICK, 1),
        check_exact=True,
    )


def test_prompts_with_the_same_text_are_one_cluster() -> None:
    rng = np.random.default_rng(20)
    ids = [f"{text:08x}-{place}" for text in range(30) for place in range(4)]
    values = np.repeat(rng.normal(size=30), 4)
    clustered = only(summarise(prompt_rows(values, "a", ids=ids), USUAL, 1))
    single = only(summarise(prompt_rows(values[::4], "a"), USUAL, 1))
    assert clustered["estimate"] == pytest.approx(single["estimate"])
    assert (clustered["low"], clustered["high"]) == pytest.approx((single["low"], single["high"]))
    assert clustered["n_prompts"] == 120
    rows = [prompt_rows(values, "a", ids=ids), prompt_rows(values * 0, "base", ids=ids)]
    alone = [prompt_rows(values[::4], "a"), prompt_rows(values[::4] * 0, "base")]
    p, expected = (
        only(compare(pl.concat(each), family("a"), USUAL, 1))["p"] for each in (rows, alone)
    )
    assert p == expected
    separate = [f"{text:08x}-0" for text in range(120)]
    wrong = only(summarise(prompt_rows(values, "a", ids=separate), USUAL, 1))
    assert wrong["high"] - wrong["low"] < 0.6 * (single["high"] - single["low"])


def test_medians_seeds_and_distributions_stand_beside_the_means() -> None:
    values = np.random.default_rng(21).gamma(2.0, size=(3, 40))
    values[1, 7] = np.nan
    prompts = values.mean(axis=0)
    prompts[7] = values[[0, 2], 7].mean()
    rows = pl.concat([prompt_rows(values, "a"), set_rows([1.0, 3.0], np.ones((2, 20)), "a")])
    summary = summarise(rows, QUICK, 1).sort("measure")
    assert summary["median"].to_list() == [pytest.approx(np.median(prompts)), None]
    seeds = seed_values(rows)
    assert seeds.schema == SEEDS
    assert seeds["value"].to_list()[::2][:2] == pytest.approx(values.mean(axis=1)[[0, 2]], abs=0.1)
    assert seeds["value"].to_list()[3:] == [1.0, 3.0]
    assert seeds.filter(measure="m")["value"].mean() == pytest.approx(summary["estimate"][0])
    spread = prompt_quantiles(rows)
    assert spread.schema == DISTRIBUTIONS and spread["measure"].unique().to_list() == ["m"]
    expected = np.nanquantile(values, spread["quantile"].to_numpy())
    assert spread["value"].to_numpy() == pytest.approx(expected) and spread.height == 9
    empty = prompt_rows(values * np.nan, "a")
    assert seed_values(empty)["value"].to_list() == [None] * 3
    assert prompt_quantiles(empty).height == 0


def test_only_what_was_trained_has_a_training_run() -> None:
    values = np.random.default_rng(26).normal(size=20)
    tables = [
        prompt_rows(values, "a"),
        prompt_rows(values + 1, "vanilla", seeds=[0]),
        prompt_rows(values, "llama", model="sources", seeds=[0]),
        prompt_rows(values - 1, "human", model="sources", seeds=[0]),
    ]
    methods = summarise(pl.concat(tables), QUICK, 1)["method"].to_list()
    assert ["one training run" in each for each in methods] == [False, False, True, False]
    found = compare(pl.concat(tables[2:]), family("llama", baseline="human"), QUICK, 1)
    assert "one training run" not in only(found)["method"]
