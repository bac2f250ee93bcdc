"""Crossed means: the same numbers as naive loops, coverage, and copies that prove nothing."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import kruskal, mannwhitneyu

from manybaskets.statistics import crossed, ordinal
from manybaskets.statistics.bootstrap import bca
from manybaskets.statistics.crossed import Draws, crossed_mean
from manybaskets.statistics.ordinal import Samples
from manybaskets.statistics.signs import sign_flip_p


def design(templates: int, bases: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes of the template and the base prompt of every row."""
    return np.divmod(np.arange(templates * bases), bases)


def planted(rng: np.random.Generator, templates: int, bases: int, seeds: int = 1) -> np.ndarray:
    """`[seed, row]`: effects of templates, base prompts and rows."""
    template, base = design(templates, bases)
    effects = rng.normal(size=templates)[template] + 0.7 * rng.normal(size=bases)[base]
    return effects + rng.normal(size=(seeds, templates * bases))


def test_resampled_means_are_those_of_a_loop_over_rows():
    rng = np.random.default_rng(1)
    template, base = design(5, 7)
    kept = rng.random(35) < 0.8  # missing cells
    template, base = template[kept], base[kept]
    values = planted(rng, 5, 7)[:, kept]
    mean = crossed_mean(values, template, base, ("a",))
    draws = Draws(5, 7, 60, 3)
    expected = []
    for drawn in range(60):
        weighted = count = 0.0
        for row in range(len(template)):
            weight = draws.templates[drawn, template[row]] * draws.bases[drawn, base[row]]
            weighted += weight * values[0, row]
            count += weight
        expected.append(weighted / count - values.mean())
    assert crossed.resampled(mean, draws) == pytest.approx(expected, abs=1e-12)


def test_templates_and_base_prompts_are_drawn_independently_and_in_full():
    draws = Draws(20, 20, 500, 1)
    assert (draws.templates.sum(axis=1) == 20).all()
    assert (draws.bases.sum(axis=1) == 20).all()
    assert abs(np.corrcoef(draws.templates.ravel(), draws.bases.ravel())[0, 1]) < 0.05


def test_components_are_those_of_a_balanced_two_way_layout():
    """Mean squares by naive loops over a complete table."""
    rng = np.random.default_rng(2)
    templates, bases = 6, 9
    table = planted(rng, templates, bases).reshape(templates, bases)
    mean = crossed_mean(table.reshape(1, -1), *design(templates, bases), ("a",))
    whole, by_template, by_base = table.mean(), table.mean(axis=1), table.mean(axis=0)
    square = sum(
        (table[t, b] - by_template[t] - by_base[b] + whole) ** 2
        for t, b in itertools.product(range(templates), range(bases))
    ) / ((templates - 1) * (bases - 1))
    of_rows = square / (templates * bases)
    expected = [
        sum((each - whole) ** 2 for each in by_template) / (templates - 1) / templates - of_rows,
        sum((each - whole) ** 2 for each in by_base) / (bases - 1) / bases - of_rows,
        of_rows,
    ]
    assert [part.variance for part in crossed.components_of(mean)] == pytest.approx(expected)
    assert [part.degrees for part in crossed.components_of(mean)] == [5, 8, 40]


def test_rows_copied_within_their_cells_narrow_nothing():
    rng = np.random.default_rng(3)
    template, base = design(6, 8)
    values = np.round(planted(rng, 6, 8))
    once = crossed_mean(values, template, base, ("a",))
    copied = crossed_mean(np.tile(values, 5), np.tile(template, 5), np.tile(base, 5), ("a",))
    both = crossed.intervals([once, copied], 2000, 0.95, 1)
    assert both[1] == pytest.approx(both[0])
    p = crossed.p_values([once, copied], 999, 1)
    assert p[1] == pytest.approx(p[0])
    shares = [(values > 0).astype(float), np.tile((values > 0).astype(float), 5)]
    rows = [(template, base), (np.tile(template, 5), np.tile(base, 5))]
    found = [
        crossed.share_interval(crossed_mean(v, *r, ("a",)), v.size, 0.95)
        for v, r in zip(shares, rows, strict=True)
    ]
    assert found[1][1] - found[1][0] >= found[0][1] - found[0][0] - 1e-9


def test_order_of_rows_means_nothing():
    rng = np.random.default_rng(4)
    template, base = design(5, 6)
    values = planted(rng, 5, 6, seeds=3)
    order = rng.permutation(30)
    one = crossed_mean(values, template, base, ("a",))
    other = crossed_mean(values[:, order], template[order], base[order], ("a",))
    assert crossed.intervals([one], 500, 0.95, 1)[0] == pytest.approx(
        crossed.intervals([other], 500, 0.95, 1)[0]
    )


def test_one_template_is_a_bootstrap_over_base_prompts():
    rng = np.random.default_rng(5)
    values = rng.normal(size=(1, 30))
    mean = crossed_mean(values, np.zeros(30), np.arange(30), ("a",))
    assert not mean.crossed
    assert crossed.intervals([mean], 999, 0.95, 1) == bca([mean.over_one()], 999, 0.95, 1)
    assert crossed.p_values([mean], 999, 1) == sign_flip_p([mean.over_one()], 999, 1)


def test_rows_that_count_in_some_seeds_only_are_pooled():
    values = np.array([[1.0, np.nan, 3.0], [2.0, 4.0, np.nan]])
    mean = crossed_mean(values, np.zeros(3), np.arange(3), ("a",))
    assert mean.value == pytest.approx((1 + 3 + 2 + 4) / 4)


def test_trainings_widen_an_interval():
    rng = np.random.default_rng(6)
    template, base = design(8, 10)
    shared = planted(rng, 8, 10)
    apart = shared + np.array([[-0.8], [0.0], [0.8]])
    alike = np.repeat(shared, 3, axis=0)
    widths = []
    for values in (alike, apart):
        low, high = crossed.intervals(
            [crossed_mean(values, template, base, ("a",))], 1999, 0.95, 1
        )[0]
        widths.append(high - low)
    assert widths[1] > 1.9 * widths[0]


def test_difference_of_conditions_is_paired():
    """What both conditions share of templates and base prompts cancels."""
    rng = np.random.default_rng(7)
    template, base = design(10, 12)
    shared = planted(rng, 10, 12)
    one = crossed_mean(shared + 0.5, template, base, ("a",))
    other = crossed_mean(shared + 0.05 * rng.normal(size=shared.shape), template, base, ("b",))
    low, high = crossed.intervals([crossed.difference(one, other)], 1999, 0.95, 1)[0]
    assert 0.45 < low < 0.5 < high < 0.55
    assert crossed.p_values([crossed.difference(one, other)], 999, 1)[0] < 1e-6


def test_differences_that_are_all_alike_have_the_p_of_their_levels():
    template, base = design(4, 9)
    one = crossed_mean(np.ones((1, 36)), template, base, ("a",))
    none = crossed_mean(np.zeros((1, 36)), template, base, ("b",))
    assert crossed.p_values(
        [crossed.difference(one, none), crossed.difference(one, one)], 999, 1
    ) == [2.0**-3, 1.0]


def test_shares_that_are_all_alike_have_an_interval():
    template, base = design(4, 9)
    low, high = crossed.share_interval(
        crossed_mean(np.zeros((1, 36)), template, base, ("a",)), 36, 0.95
    )
    assert low == 0
    assert 0.4 < high < 0.6  # 4 templates; as rows, .096


def test_sparse_tables_leave_resamples_without_rows_where_they_are():
    """Two rows in opposite corners: half of the resamples draw neither."""
    mean = crossed_mean(np.array([[1.0, 3.0]]), np.array([0, 1]), np.array([0, 1]), ("a",))
    moves = crossed.resampled(mean, Draws(2, 2, 200, 1))
    assert set(np.round(moves, 12)) == {-1.0, 0.0, 1.0}


@pytest.mark.parametrize(
    ("templates", "bases", "spread"), [(28, 40, 0.5), (5, 8, 0.5), (5, 30, 0.0)]
)
def test_intervals_hold_the_truth_and_tests_hold_their_level(templates, bases, spread):
    rng = np.random.default_rng(8)
    template, base = design(templates, bases)
    held = significant = naive = 0
    studies = 200
    for _ in range(studies):
        effects = spread * (rng.normal(size=templates)[template] + rng.normal(size=bases)[base])
        values = (effects + rng.normal(size=templates * bases))[None]
        mean = crossed_mean(values, template, base, ("a",))
        low, high = crossed.intervals([mean], 400, 0.95, 1)[0]
        held += low <= 0 <= high
        significant += crossed.p_values([mean], 99, 1)[0] < 0.05
        naive += abs(values.mean()) > 1.96 * values.std() / np.sqrt(values.size)
    assert held / studies >= 0.91
    assert significant / studies <= 0.09
    if spread:
        assert naive / studies > 0.2  # what rows taken for independent would have called


def superiority_by_loop(first: np.ndarray, second: np.ndarray) -> float:
    """Over all pairs of responses."""
    return float(np.mean([(x > y) + (x == y) / 2 for x in first for y in second]))


def test_superiority_is_u_over_all_pairs_and_its_resamples_those_of_a_loop():
    rng = np.random.default_rng(9)
    template, base = design(4, 5)
    values = {name: rng.integers(1, 6, (1, 20)).astype(float) for name in "ab"}
    samples = Samples(values, template, base, 400, 1)
    value, (low, high) = ordinal.superiority(samples, "a", "b", 0.95)
    u = mannwhitneyu(values["a"][0], values["b"][0]).statistic
    assert value == pytest.approx(u / 400)
    assert value == pytest.approx(superiority_by_loop(values["a"][0], values["b"][0]))
    assert low < value < high
    drawn, draws = ordinal._above(samples.drawn["a"], samples.drawn["b"]), Draws(4, 5, 400, 1)
    for resample in range(5):
        weights = (draws.templates[resample, template] * draws.bases[resample, base]).astype(int)
        repeated = [np.repeat(values[name][0], weights) for name in "ab"]
        assert drawn[resample] == pytest.approx(superiority_by_loop(*repeated))


def test_epsilon_squared_is_that_of_kruskal_and_wallis():
    rng = np.random.default_rng(10)
    values = {name: rng.integers(1, 6, (1, 40)).astype(float) + (name == "c") for name in "abc"}
    samples = Samples(values, *design(5, 8), 500, 1)
    value, (low, high) = ordinal.epsilon_squared(samples, 0.95)
    statistic = kruskal(*(each[0] for each in values.values())).statistic
    assert value == pytest.approx(statistic / 119)
    assert 0 <= low <= value <= high <= 1


def test_epsilon_squared_near_nothing_has_an_interval_down_to_nothing():
    rng = np.random.default_rng(11)
    values = {name: rng.integers(1, 6, (1, 80)).astype(float) for name in "abc"}
    _, (low, _) = ordinal.epsilon_squared(Samples(values, *design(8, 10), 999, 1), 0.95)
    assert low < 0.01


def test_trainings_widen_the_interval_of_superiority():
    rng = np.random.default_rng(12)
    own = rng.integers(2, 5, (1, 80)).astype(float)
    apart = np.concatenate([own - 1, own, own + 1])
    widths = []
    for values in (np.repeat(own, 3, axis=0), apart):
        samples = Samples({"a": values, "b": own}, *design(8, 10), 999, 1)
        _, (low, high) = ordinal.superiority(samples, "a", "b", 0.95)
        widths.append(high - low)
    assert widths[1] > 2 * widths[0]


def test_scores_without_variation_have_no_interval():
    samples = {"a": np.full((1, 12), 5.0), "b": np.ones((1, 12))}
    apart = Samples(samples, *design(3, 4), 100, 1)
    assert ordinal.superiority(apart, "a", "b", 0.95) == (1.0, None)
    alike = Samples({"a": np.ones((1, 12)), "b": np.ones((1, 12))}, *design(3, 4), 100, 1)
    assert ordinal.epsilon_squared(alike, 0.95) is None
