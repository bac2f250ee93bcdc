"""Number of sources: the table, and its trend against another library's regression."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from fabricated_results import condition, lookup, summary
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from manybaskets.report.source_counts import (
    source_count_findings,
    source_count_table,
    source_count_trends,
)

MEMBERS = {
    "a": ["llama"],
    "b": ["qwen"],
    "ab": ["llama", "qwen"],
    "abc": ["llama", "qwen", "gemma"],
}
COUNTS = [1, 1, 2, 3]


def of_mixes(values, measure="entropy", **other):
    return [
        condition(measure, mix, value, **other) for mix, value in zip(MEMBERS, values, strict=True)
    ]


def test_the_table_has_a_row_per_mix_in_the_order_of_the_numbers():
    rows = [*of_mixes([4.0, 3.0, 2.0, 1.0]), condition(mix="human"), condition(mix="vanilla")]
    table = source_count_table(summary(*reversed(rows)), MEMBERS, lookup)
    assert table["mix"].to_list() == list(MEMBERS)
    assert table["count"].to_list() == COUNTS
    assert table["sources"].to_list()[-1] == "llama + qwen + gemma"
    assert table["value"].to_list() == [4.0, 3.0, 2.0, 1.0]
    turned = source_count_table(summary(*rows), dict(reversed(MEMBERS.items())), lookup)
    assert turned["mix"].to_list() == ["b", "a", "ab", "abc"]


def test_perplexities_are_shown_as_such():
    table = source_count_table(summary(*of_mixes([1.0] * 4, "own_nll")), MEMBERS, lookup)
    assert table["value"].to_list() == pytest.approx([math.e] * 4)
    trend = source_count_trends(
        summary(*of_mixes([0.0, 0.1, 0.2, 0.5], "own_nll")), MEMBERS, 0.95, lookup
    ).row(0, named=True)
    slope = stats.linregress(COUNTS, [0.0, 0.1, 0.2, 0.5]).slope
    assert trend["scale"] == "ratio" and trend["value"] == pytest.approx(math.exp(slope))


@settings(max_examples=50, deadline=None)
@given(
    values=st.lists(st.floats(-100, 100).map(lambda x: round(x, 3)), min_size=4, max_size=4),
    order=st.permutations(range(4)),
)
def test_the_trend_is_that_of_an_ordinary_regression_in_any_order(values, order):
    rows = of_mixes(values)
    trends = source_count_trends(summary(*(rows[i] for i in order)), MEMBERS, 0.95, lookup)
    in_order = source_count_trends(summary(*rows), MEMBERS, 0.95, lookup)
    assert trends.equals(in_order)
    fit = stats.linregress(COUNTS, values)
    trend = trends.row(0, named=True)
    assert trend["value"] == pytest.approx(fit.slope, abs=1e-9)
    assert trend["n_mixes"] == 4 and trend["n_counts"] == 3
    if trend["low"] is not None:
        half = fit.stderr * stats.t.ppf(0.975, 2)
        assert trend["low"] == pytest.approx(fit.slope - half, abs=1e-6)
        assert trend["high"] == pytest.approx(fit.slope + half, abs=1e-6)
    else:
        assert np.ptp(values) == 0 or fit.stderr == pytest.approx(0.0, abs=1e-6)


def test_the_interval_covers_where_mixes_vary():
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(200):
        values = 0.3 * np.array(COUNTS) + rng.normal(0, 1, 4)
        trend = source_count_trends(summary(*of_mixes(values)), MEMBERS, 0.95, lookup)
        covered += trend["low"].item() <= 0.3 <= trend["high"].item()
    assert 0.92 <= covered / 200 <= 0.98


def test_too_few_mixes_have_no_interval_and_one_number_no_trend():
    frame = summary(*of_mixes([1.0, 2.0, 3.0, 4.0]))
    two = source_count_trends(frame, {"a": ["x"], "ab": ["x", "y"]}, 0.95, lookup)
    assert two.select("value", "low", "high").row(0) == (2.0, None, None)
    assert source_count_trends(frame, {"a": ["x"], "b": ["y"]}, 0.95, lookup).height == 0
    missing = frame.with_columns(estimate=pl.lit(None, pl.Float64))
    assert source_count_trends(missing, MEMBERS, 0.95, lookup).height == 0
    assert source_count_table(frame.clear(), MEMBERS, lookup).height == 0


def test_sentences_say_what_is_known_and_from_how_many_mixes():
    trends = source_count_trends(
        summary(*of_mixes([1.0, 1.1, 2.0, 3.1]), *of_mixes([1.0, 3.0, 1.0, 2.0], "words")),
        MEMBERS, 0.95, lookup,
    )  # fmt: skip
    rising, unclear = source_count_findings(trends, "sources", 0.95)
    assert "more sources go with higher values (change per additional source 1.02 bits" in rising
    assert "regression over 4 mixes of family `sources`" in rising
    assert "no trend was found" in unclear
