"""Statistics against scipy and statsmodels, by simulation, and in every order of the rows."""

from __future__ import annotations

import warnings

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from manybaskets.config.analysis import Comparison, Statistics
from manybaskets.errors import UserError
from manybaskets.measures import EXCLUDED, USED
from manybaskets.records import MEASURED
from manybaskets.statistics import compare, summarise

QUICK = Statistics(resamples=400, permutations=499, draws=20)
USUAL = Statistics(resamples=2000, permutations=9999, draws=100)


def prompt_rows(
    values: np.ndarray, mix: str, measure: str = "m", model: str = "tiny", seeds=None
) -> pl.DataFrame:
    """Rows of `values[seed, prompt]`; NaN becomes null."""
    values = np.atleast_2d(values)
    seeds = seeds or range(1, len(values) + 1)
    return pl.DataFrame(
        [
            (measure, model, mix, seed, "test", f"p{place:04d}", 0, float(value))
            for seed, line in zip(seeds, values, strict=True)
            for place, value in enumerate(line)
        ],
        schema=MEASURED,
        orient="row",
    ).with_columns(pl.col("value").fill_nan(None))


def set_rows(full, draws, mix: str, used: int = 50, excluded: int = 2) -> pl.DataFrame:
    """Rows of a set measure: `full[seed]`, `draws[seed, draw]`."""
    found = []
    for seed, (value, line) in enumerate(zip(full, draws, strict=True), start=1):
        entries = [(0, value), (USED, used), (EXCLUDED, excluded), *enumerate(line, start=1)]
        found += [("s", "tiny", mix, seed, "test", None, d, float(v)) for d, v in entries]
    return pl.DataFrame(found, schema=MEASURED, orient="row").with_columns(
        pl.col("value").fill_nan(None)
    )


def family(*mixes: str, measures=("m",), baseline: str = "base") -> dict[str, Comparison]:
    return {"main": Comparison(baseline=baseline, mixes=list(mixes), measures=list(measures))}


def only(frame: pl.DataFrame) -> dict:
    assert frame.height == 1
    return frame.row(0, named=True)


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


def test_prompts_without_a_value_in_every_seed_are_excluded_and_counted() -> None:
    values = np.array([[1.0, 2.0, np.nan, 9.0], [3.0, 4.0, 5.0, np.nan]])
    line = only(summarise(prompt_rows(values, "a"), QUICK, 1))
    assert line["estimate"] == pytest.approx(2.5)
    assert (line["n_prompts"], line["n_excluded"], line["n_seeds"]) == (2, 2, 2)
    assert line["seed_sd"] == pytest.approx(np.std([1.5, 3.5], ddof=1))
    nothing = only(summarise(prompt_rows(values * np.nan, "a"), QUICK, 1))
    assert nothing["estimate"] is None and nothing["low"] is None
    assert (nothing["n_prompts"], nothing["n_excluded"]) == (0, 4)


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
    mixed = prompt_rows(np.random.default_rng(1).integers(0, 2, (3, 48)), "a")
    assert "bootstrap" in only(summarise(mixed, QUICK, 1))["method"]


def test_two_shares_that_do_not_vary_have_a_difference_with_width() -> None:
    rows = pl.concat([prompt_rows(np.zeros(48), "a"), prompt_rows(np.zeros(48), "base")])
    line = only(compare(rows, family("a"), QUICK, 1))
    assert line["difference"] == 0.0 and line["p"] == 1.0 and line["effect"] is None
    upper = proportion_confint(0, 48, method="wilson")[1]
    assert (line["low"], line["high"]) == pytest.approx((-upper, upper))


def test_comparison_agrees_with_scipy() -> None:
    rng = np.random.default_rng(4)
    base = rng.normal(size=60)
    mix = base + rng.normal(0.25, 1.0, size=60)
    rows = pl.concat([prompt_rows(mix, "a"), prompt_rows(base, "base")])
    line = only(compare(rows, family("a"), USUAL, 1))
    paired = mix - base
    expected = stats.permutation_test(
        (paired,), np.mean, permutation_type="samples", n_resamples=9999,
        rng=np.random.default_rng(5),
    )  # fmt: skip
    assert 0.005 < expected.pvalue < 0.5
    assert line["p"] == pytest.approx(expected.pvalue, abs=0.012)
    assert line["difference"] == pytest.approx(paired.mean())
    assert line["effect"] == pytest.approx(paired.mean() / paired.std(ddof=1))
    t = stats.ttest_1samp(paired, 0).confidence_interval()
    assert (line["low"], line["high"]) == pytest.approx((t.low, t.high), abs=0.05)


def test_sign_flips_count_ties_and_stay_above_the_smallest_p() -> None:
    few = pl.concat([prompt_rows(np.full(4, 2.1), "a"), prompt_rows(np.full(4, 1.7), "base")])
    line = only(compare(few, family("a"), USUAL, 1))
    assert line["p"] == pytest.approx(2 / 16, abs=0.012)  # all or none flipped, of 2^4
    many = pl.concat([prompt_rows(np.full(99, 2.1), "a"), prompt_rows(np.full(99, 1.7), "base")])
    line = only(compare(many, family("a"), QUICK, 1))
    assert line["p"] == 1 / 500
    assert line["effect"] is None


@pytest.mark.parametrize("scale", [0.1, 0.7, 1e-9])
def test_sums_that_differ_by_rounding_alone_are_ties(scale: float) -> None:
    whole = np.array([1.0, 2.0, -3.0, 4.0, 5.0, -6.0, 2.0, 1.0])
    base = prompt_rows(np.zeros(8), "base")
    exact = only(compare(pl.concat([prompt_rows(whole, "a"), base]), family("a"), USUAL, 1))
    scaled = prompt_rows(whole * scale, "a")
    assert only(compare(pl.concat([scaled, base]), family("a"), USUAL, 1))["p"] == exact["p"]


def test_only_matched_prompts_are_compared() -> None:
    mix = np.array([[1.0, 2.0, np.nan, 40.0, 5.0], [1.0, 2.0, 3.0, np.nan, 5.0]])
    base = np.array([[0.0, np.nan, 9.0, 9.0, 1.0]])
    rows = pl.concat([prompt_rows(mix, "a"), prompt_rows(base, "base", seeds=[0])])
    line = only(compare(rows, family("a"), QUICK, 1))
    assert line["difference"] == pytest.approx((1.0 + 4.0) / 2)
    assert (line["n_prompts"], line["n_excluded"], line["n_seeds"]) == (2, 3, 2)


def test_the_interval_of_a_minus_b_mirrors_that_of_b_minus_a() -> None:
    rng = np.random.default_rng(6)
    rows = pl.concat(
        [prompt_rows(rng.gamma(2, size=(3, 50)), "a"), prompt_rows(rng.gamma(2, size=(2, 50)), "b")]
    )
    there = only(compare(rows, family("a", baseline="b"), QUICK, 1))
    back = only(compare(rows, family("b", baseline="a"), QUICK, 1))
    assert there["difference"] == pytest.approx(-back["difference"])
    assert (there["low"], there["high"]) == pytest.approx((-back["high"], -back["low"]))
    assert there["p"] == back["p"]


def test_holm_covers_the_whole_family_and_no_other() -> None:
    rng = np.random.default_rng(7)
    base = rng.normal(size=40)
    tables = []
    for measure in ("m", "n"):
        for model in ("one", "two"):
            tables.append(prompt_rows(base, "base", measure, model))
            for mix, shift in (("a", 0.2), ("b", 0.5)):
                moved = base + rng.normal(shift, 1.0, 40)
                tables.append(prompt_rows(moved, mix, measure, model))
    rows = pl.concat(tables)
    families = family("a", "b", measures=("m", "n")) | {
        "other": Comparison(baseline="base", mixes=["b"], measures=["n"])
    }
    found = compare(rows, families, USUAL, 1)
    assert found.group_by("family").len().sort("family")["len"].to_list() == [8, 2]
    for name in families:
        part = found.filter(pl.col("family") == name)
        expected = multipletests(part["p"].to_numpy(), method="holm")[1]
        assert part["p_holm"].to_numpy() == pytest.approx(expected)
        assert (part["p_holm"] > part["p"]).any()


def test_set_measures_rest_on_half_samples_and_seeds() -> None:
    rng = np.random.default_rng(8)
    shared = rng.normal(size=100)
    full, draws = [5.0, 6.0, 7.0], np.stack([shared + 5, shared + 6, shared + 7])
    line = only(summarise(set_rows(full, draws, "a"), USUAL, 1))
    a, b = shared.var(ddof=1), 1.0 / 3
    degrees = (a + b) ** 2 / (a**2 / 99 + b**2 / 2)
    half = stats.t.ppf(0.975, degrees) * np.sqrt(a + b)
    assert line["estimate"] == pytest.approx(6.0) and line["seed_sd"] == pytest.approx(1.0)
    assert (line["low"], line["high"]) == pytest.approx((6 - half, 6 + half))
    assert (line["n_prompts"], line["n_excluded"], line["n_seeds"]) == (50, 2, 3)


def test_set_comparisons_are_paired_on_the_half_samples() -> None:
    rng = np.random.default_rng(9)
    shared, noise = rng.normal(size=100), rng.normal(0, 0.1, size=100)
    rows = pl.concat(
        [
            set_rows([5.2], [shared + noise + 5.2], "a"),
            set_rows([5.0], [shared + 5.0], "base", 48, 4),
        ]
    )
    line = only(compare(rows, family("a", measures=["s"]), USUAL, 1))
    error = noise.std(ddof=1)
    assert line["high"] - line["low"] == pytest.approx(2 * stats.t.ppf(0.975, 99) * error)
    assert line["p"] == pytest.approx(2 * stats.t.sf(0.2 / error, 99))
    assert line["effect"] is None
    assert (line["n_prompts"], line["n_excluded"]) == (48, 4)


def test_half_samples_stay_paired_where_one_is_undefined() -> None:
    shared = np.random.default_rng(10).normal(size=30)
    broken = shared + 1.0
    broken[[0, 7]] = np.nan
    rows = pl.concat([set_rows([1.0], [broken], "a"), set_rows([0.0], [shared], "base")])
    line = only(compare(rows, family("a", measures=["s"]), QUICK, 1))
    assert line["high"] - line["low"] == pytest.approx(0.0, abs=1e-9)


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
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        summary = summarise(rows, QUICK, 1)
        found = compare(rows, family("a", "c", "d", measures=["m", "s"]), QUICK, 1)
    assert summary.height == 8
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
    with pytest.raises(UserError, match="share their key"):
        summarise(pl.concat([rows, rows]), QUICK, 1)
    with pytest.raises(UserError, match="columns"):
        summarise(rows.drop("draw"), QUICK, 1)


@settings(max_examples=15, deadline=None)
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


def test_intervals_cover_the_truth_and_tests_keep_their_level() -> None:
    """Paired, clustered data: a prompt's difficulty is shared, seeds move whole trainings."""
    rng = np.random.default_rng(11)
    times, prompts, truth = 300, 60, 0.3
    tables = []
    for time in range(times):
        difficulty = rng.normal(0, 2, prompts)
        base = difficulty + rng.normal(0, 0.5, (1, prompts))
        mix = difficulty + truth + rng.normal(0, 0.5, (3, prompts))
        tables += [
            prompt_rows(mix, "a", model=f"{time}"),
            prompt_rows(base, "base", model=f"{time}"),
        ]
        tables.append(
            prompt_rows(difficulty + rng.normal(0, 0.5, (1, prompts)), "null", model=f"{time}")
        )
    found = compare(pl.concat(tables), family("a", "null"), QUICK, 1)
    moved = found.filter(pl.col("mix") == "a")
    covered = ((moved["low"] <= truth) & (truth <= moved["high"])).mean()
    assert 0.91 <= covered <= 0.985
    null = found.filter(pl.col("mix") == "null")
    assert 0.02 <= (null["p"] < 0.05).mean() <= 0.09
    assert (moved["high"] - moved["low"]).mean() < 0.5  # unpaired intervals are 1.5 wide


def test_intervals_cover_the_truth_where_seeds_differ() -> None:
    rng = np.random.default_rng(12)
    tables = []
    for time in range(300):
        effects = rng.normal(0, 0.3, (5, 1))
        tables.append(prompt_rows(1.0 + effects + rng.normal(0, 1, (5, 50)), "a", model=f"{time}"))
    found = summarise(pl.concat(tables), QUICK, 1)
    covered = ((found["low"] <= 1.0) & (found["high"] >= 1.0)).mean()
    assert 0.88 <= covered <= 0.985  # percentile intervals of five seeds are a little narrow
