"""Families of comparisons: against scipy and statsmodels, matched prompts, size, false positives."""

from __future__ import annotations

import gc

import numpy as np
import polars as pl
import pytest
from scipy import stats
from statistics_rows import QUICK, USUAL, family, only, prompt_rows, set_rows
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from manybaskets.config.evaluation import Comparison, Statistics
from manybaskets.errors import UserError
from manybaskets.measures.swap_tests import SWAPPED
from manybaskets.statistics import compare
from manybaskets.statistics.components import VarianceComponent
from manybaskets.statistics.families import correct
from manybaskets.statistics.power import detectable


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


def test_a_missing_value_removes_itself_and_not_its_prompt() -> None:
    """Runs and prompts without noise: every value that is there agrees with the difference."""
    mix = np.array([[1.0, 2.0, np.nan, 40.0, 5.0], [2.0, 3.0, 10.0, np.nan, 6.0]])
    base = np.array([[0.0, np.nan, 8.0, 39.0, 4.0]])
    rows = pl.concat([prompt_rows(mix, "a"), prompt_rows(base, "vanilla", seeds=[0])])
    line = only(compare(rows, family("a", baseline="vanilla"), QUICK, 1))
    assert line["difference"] == pytest.approx(1.5)
    assert (line["n_prompts"], line["n_excluded"], line["n_missing"]) == (4, 1, 2)


def test_the_interval_of_a_minus_b_mirrors_that_of_b_minus_a() -> None:
    rng = np.random.default_rng(6)
    rows = pl.concat(
        [prompt_rows(rng.gamma(2, size=(3, 50)), "a"), prompt_rows(rng.gamma(2, size=(2, 50)), "b")]
    )
    there = only(compare(rows, family("a", baseline="b"), QUICK, 1))
    back = only(compare(rows, family("b", baseline="a"), QUICK, 1))
    assert there["difference"] == -back["difference"]
    assert (there["low"], there["high"]) == (-back["high"], -back["low"])
    assert there["p"] == back["p"]


def test_holm_covers_the_whole_family_and_no_other() -> None:
    rng = np.random.default_rng(7)
    base = rng.normal(size=(2, 40))
    tables = []
    for measure in ("m", "n"):
        for model in ("one", "two"):
            tables.append(prompt_rows(base, "base", measure, model))
            for mix, shift in (("a", 0.2), ("b", 0.5)):
                moved = base + rng.normal(shift, 1.0, (2, 40))
                tables.append(prompt_rows(moved, mix, measure, model))
    rows = pl.concat(tables)
    families = family("a", "b", measures=("m", "n")) | {
        "other": Comparison(baseline="base", conditions=["b"], measures=["n"])
    }
    found = compare(rows, families, USUAL, 1)
    assert found.group_by("family").len().sort("family")["len"].to_list() == [8, 2]
    for name in families:
        part = found.filter(pl.col("family") == name)
        expected = multipletests(part["p"].to_numpy(), method="holm")[1]
        assert part["p_holm"].to_numpy() == pytest.approx(expected)
        assert (part["p_holm"] > part["p"]).any()


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
    assert line["high"] - line["low"] == pytest.approx(2 * stats.t.ppf(0.975, 47) * error)
    assert line["p"] == pytest.approx(2 * stats.t.sf(0.2 / error, 47))
    assert line["effect"] is None
    assert (line["n_prompts"], line["n_excluded"]) == (48, 4)


def test_half_samples_stay_paired_where_one_is_undefined() -> None:
    shared = np.random.default_rng(10).normal(size=30)
    broken = shared + 1.0
    broken[[0, 7]] = np.nan
    rows = pl.concat([set_rows([1.0], [broken], "a"), set_rows([0.0], [shared], "base")])
    line = only(compare(rows, family("a", measures=["s"]), QUICK, 1))
    assert line["high"] - line["low"] == pytest.approx(0.0, abs=1e-9)


def test_a_prompt_counts_where_both_sides_have_a_value() -> None:
    base, a, b = np.zeros(6), np.arange(6.0), np.arange(6.0) * 2
    a[0], b[5] = np.nan, np.nan
    rows = pl.concat([prompt_rows(x, n) for x, n in ((base, "base"), (a, "a"), (b, "b"))])
    found = compare(rows, family("a", "b"), QUICK, 1)
    assert found["n_prompts"].to_list() == [5, 5] and found["n_excluded"].to_list() == [1, 1]
    alone = only(compare(rows, family("a"), QUICK, 1))
    assert alone["difference"] == found["difference"][0]  # the same in every family


def test_swap_tests_stand_where_they_are_and_t_tests_elsewhere() -> None:
    rng = np.random.default_rng(22)
    draws = rng.normal(size=(1, 40))
    rows = pl.concat(
        [set_rows([1.2], draws + 1.2, "a", model="sources"),
         set_rows([1.1], draws * 0.8 + 1.1, "b", model="sources"),
         set_rows([1.0], draws * 0.9 + 1.0, "base", model="sources")]
    )  # fmt: skip
    swaps = pl.DataFrame(
        [("main", "s", "sources", "test", "a", "base", 0.031, 999)], schema=SWAPPED, orient="row"
    )
    found = compare(rows, family("a", "b", measures=["s"]), QUICK, 1, swaps)
    plain = compare(rows, family("a", "b", measures=["s"]), QUICK, 1)
    assert found["p"][0] == 0.031 and found["p"][1] == plain["p"][1] != 0.031
    assert "swap test (999 swaps)" in found["method"][0] and "t test" in found["method"][1]
    assert found["p_holm"].to_list() == pytest.approx(multipletests(found["p"], method="holm")[1])
    assert found.select("low", "high").equals(plain.select("low", "high"))


@pytest.mark.parametrize(("size", "permutations", "stops"), [(24, 499, False), (25, 499, True)])
def test_a_family_in_which_nothing_could_be_told_apart_stops(size, permutations, stops) -> None:
    """25 / 500 is the level itself, and p must be below it."""
    models = [
        prompt_rows(np.arange(12.0) * scale, mix, model=f"m{model}")
        for model in range(size)
        for mix, scale in (("a", 1.0), ("base", 0.0))
    ]
    settings = Statistics(sign_flips=permutations, bootstrap_resamples=100)
    if not stops:
        assert compare(pl.concat(models), family("a"), settings, 1).height == size
        return
    with pytest.raises(UserError, match="'main' has 25 comparisons") as stopped:
        compare(pl.concat(models), family("a"), settings, 1)
    assert "raise `statistics.sign_flips` to 500 or more" in stopped.value.remedy
    enough = Statistics(sign_flips=500, bootstrap_resamples=100)
    assert compare(pl.concat(models), family("a"), enough, 1).height == size


def test_a_family_is_too_large_for_its_swaps() -> None:
    draws = np.random.default_rng(23).normal(size=(1, 20))
    rows = pl.concat([set_rows([1.0], draws, "a"), set_rows([0.0], draws * 0.9, "base")])
    swaps = pl.DataFrame(
        [("main", "s", "tiny", "test", "a", "base", 0.1, 19)], schema=SWAPPED, orient="row"
    )
    with pytest.raises(UserError, match=r"statistics.answer_swaps = 19"):
        compare(rows, family("a", measures=["s"]), QUICK, 1, swaps)
    assert compare(rows, family("a", measures=["s"]), QUICK, 1).height == 1  # a t test has no limit


def test_a_whole_family_has_few_false_positives(monkeypatch) -> None:
    """Three correlated measures, two mixes, skewed values in clusters, of sources."""
    monkeypatch.setattr(gc, "collect", lambda: 0)  # statsmodels calls it for every family
    rng = np.random.default_rng(24)
    quick = Statistics(bootstrap_resamples=100, sign_flips=299)
    names = ["m", "n", "o"]
    found = 0
    for _ in range(300):
        ids = [f"{text}-{place}" for text in range(25) for place in range(2)]
        prompt = rng.exponential(size=50)
        tables = []
        for mix in ("a", "b", "base"):
            shared = np.repeat(rng.normal(size=25), 2)
            for name in names:
                values = prompt + shared + 0.5 * rng.normal(size=50)
                tables.append(prompt_rows(values, mix, name, "sources", ids=ids))
        compared = compare(pl.concat(tables), family("a", "b", measures=names), quick, 1)
        found += compared["p_holm"].min() < 0.05
    assert found <= 0.05 * 300 + 2 * np.sqrt(0.05 * 0.95 * 300)


def test_a_difference_that_is_there_is_found() -> None:
    rng = np.random.default_rng(25)
    base = rng.normal(size=80)
    rows = pl.concat(
        [
            prompt_rows(base + rng.normal(0.5, 0.7, (3, 80)), "a"),
            prompt_rows(base, "base", seeds=[0]),
        ]
    )
    line = only(compare(rows, family("a"), USUAL, 1))
    assert line["p"] < 0.01 and line["low"] > 0 and line["rank_biserial"] > 0.5
    assert line["share_above"] > 0.7 and line["trimmed"] == pytest.approx(0.5, abs=0.2)


def test_a_side_that_was_trained_once_keeps_a_comparison_out_of_the_family() -> None:
    """Three trainings against one do not count as three, and no p of the family covers them."""
    rng = np.random.default_rng(26)
    prompt = rng.normal(size=40)
    runs = {"a": 3, "b": 2, "once": 1, "vanilla": 1, "base": 3}
    rows = pl.concat(
        prompt_rows(prompt + (mix == "a") + rng.normal(0, 0.5, (number, 40)), mix)
        for mix, number in runs.items()
    )
    found = compare(rows, family("a", "b", "once", "vanilla"), QUICK, 1)
    by_mix = {row["mix"]: row for row in found.iter_rows(named=True)}
    assert {mix: (row["n_seeds"], row["trainings"]) for mix, row in by_mix.items()} == {
        "a": (3, "3 and 3"), "b": (2, "2 and 3"), "once": (1, "1 and 3"), "vanilla": (3, "untuned and 3")
    }  # fmt: skip
    assert [mix for mix, row in by_mix.items() if not row["confirmatory"]] == ["once"]
    assert by_mix["once"]["p"] is not None and by_mix["once"]["p_holm"] is None
    assert by_mix["once"]["method"].endswith("exploratory: once trained once")
    corrected = found.filter(pl.col("mix") != "once")
    expected = multipletests(corrected["p"].to_numpy(), method="holm")[1]
    assert corrected["p_holm"].to_numpy() == pytest.approx(expected)


def test_single_trainings_of_both_sides_are_named() -> None:
    values = np.random.default_rng(27).normal(size=(2, 40))
    rows = pl.concat([prompt_rows(values[:1], "a"), prompt_rows(values[1:], "base")])
    line = only(compare(rows, family("a"), QUICK, 1))
    assert line["method"].endswith("exploratory: a and base trained once")
    assert (line["trainings"], line["p_holm"]) == ("1 and 1", None)


GATED = {"f": Comparison(baseline="base", conditions=["a", "b", "c"], measures=["main", "n", "o"],
                         primary=["main"])}  # fmt: skip


def test_primary_measures_open_the_others_of_their_mix() -> None:
    """By hand: each of two mixes has half of the level, and its own gate."""
    lines = [
        {"family": "f", "model": "t", "prompt_set": "test", "mix": mix, "measure": name, "p": p}
        for mix, values in (("a", (0.01, 0.001, 0.02)), ("b", (0.2, 0.0001, 0.0001)))
        for name, p in zip(("main", "n", "o"), values, strict=True)
    ]
    correct(lines, GATED)
    found = {(line["mix"], line["measure"]): line["p_holm"] for line in lines}
    assert found["a", "main"] == pytest.approx(2 * 0.01)
    assert found["a", "n"] == pytest.approx(2 * 0.01)  # its own is smaller, but the gate is not
    assert found["a", "o"] == pytest.approx(2 * 0.02)
    assert found["b", "main"] == found["b", "n"] == found["b", "o"] == pytest.approx(2 * 0.2)


def test_a_family_with_a_gate_has_few_false_positives_under_a_partial_null() -> None:
    """The main measure differs for one mix of three; nothing else does."""
    rng = np.random.default_rng(28)
    called = 0
    for _ in range(2000):
        lines = [
            {"family": "f", "model": "t", "prompt_set": "test", "mix": mix, "measure": name,
             "p": 1e-9 if (mix, name) == ("a", "main") else rng.random()}
            for mix in "abc" for name in ("main", "n", "o")
        ]  # fmt: skip
        correct(lines, GATED)
        called += any(line["p_holm"] < 0.05 for line in lines[1:])
    assert called / 2000 <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 2000)


def test_a_family_for_discovery_is_corrected_for_its_false_discovery_rate() -> None:
    rng = np.random.default_rng(31)
    base = rng.normal(size=60)
    mixes = {name: base + effect + rng.normal(size=60)
             for name, effect in {"a": 0.6, "b": 0.5, "c": 0.4, "d": 0.0, "e": 0.0}.items()}  # fmt: skip
    rows = pl.concat(
        prompt_rows(values, name, model="sources")
        for name, values in {"base": base, **mixes}.items()
    )
    usual = family(*mixes)
    rate = {"main": usual["main"].model_copy(update={"correction": "benjamini-yekutieli"})}
    found, by_holm = (compare(rows, each, USUAL, 1) for each in (rate, usual))
    expected = multipletests(found["p"].to_numpy(), method="fdr_by")[1]
    assert found["p_holm"].to_numpy() == pytest.approx(expected)
    assert set(found["correction"]) == {"Benjamini–Yekutieli"}
    assert set(by_holm["correction"]) == {"Holm"}
    assert (found["detectable"] > by_holm["detectable"]).all()  # its first step is stricter


def test_the_detectable_difference_is_found_in_eighty_percent_of_studies() -> None:
    rng = np.random.default_rng(29)
    rows = pl.concat(
        prompt_rows(rng.normal(size=200), name, "m", "sources") for name in ("a", "base")
    )
    line = only(compare(rows, family("a"), QUICK, 1))
    error = np.sqrt(2 / 200)
    power = stats.nct.sf(stats.t.ppf(0.975, 199), 199, line["detectable"] / error)
    assert power == pytest.approx(0.8, abs=0.08)
    twelve = detectable([VarianceComponent(error**2, 199)], 12, 0.95)
    power = stats.nct.sf(stats.t.ppf(1 - 0.025 / 12, 199), 199, twelve / error)
    assert power == pytest.approx(0.8, abs=0.01)


def test_the_pooled_trainings_of_a_study_decide_what_two_trainings_alone_cannot() -> None:
    """Two trainings of each of six mixes: one degree of freedom each, six together."""
    rng = np.random.default_rng(30)
    prompt, moved = rng.normal(size=100), np.array([[0.1], [-0.1]])
    trained = [
        prompt_rows(prompt + 0.6 * (mix == "a") + moved + rng.normal(0, 0.3, (2, 100)), mix)
        for mix in ("a", "base", "c", "d", "e", "f")
    ]  # fmt: skip
    together = only(compare(pl.concat(trained), family("a"), USUAL, 1))
    alone = only(compare(pl.concat(trained[:2]), family("a"), USUAL, 1))
    assert together["difference"] == alone["difference"]
    assert together["p"] < 0.01 and together["low"] > 0
    assert alone["p"] > 0.01
    assert together["high"] - together["low"] < 0.8 * (alone["high"] - alone["low"])
