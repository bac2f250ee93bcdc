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
from statsmodels.stats.multitest import multipletests

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


def test_the_tests_are_those_of_a_regression_and_holm_covers_all_of_them():
    rng = np.random.default_rng(6)
    values = {"entropy": [1.0, 1.02, 2.0, 3.01], "words": list(rng.normal(size=4)),
              "own_nll": list(rng.normal(size=4))}  # fmt: skip
    rows = [row for measure, each in values.items() for row in of_mixes(each, measure)]
    trends = source_count_trends(summary(*rows), MEMBERS, 0.95, lookup)
    raw = [stats.linregress(COUNTS, values[name]).pvalue for name in trends["measure"]]
    assert trends["p"].to_list() == pytest.approx(raw)
    expected = multipletests(raw, method="holm")[1]
    assert trends["p_holm"].to_list() == pytest.approx(list(expected))
    assert trends["verdict"][trends["measure"].to_list().index("entropy")] == "different"


def test_sentences_name_decided_trends_and_count_the_rest():
    trends = source_count_trends(
        summary(*of_mixes([1.0, 1.02, 2.0, 3.01]), *of_mixes([1.0, 3.0, 1.0, 2.0], "words")),
        MEMBERS, 0.95, lookup,
    )  # fmt: skip
    rising, count = source_count_findings(trends, "sources", 0.95)
    assert "more sources go with higher values (change per additional source 1.00 bits" in rising
    assert "regression over 4 mixes of family `sources`" in rising and "Holm p" in rising
    assert count == (
        "Number of sources (family `sources`): 1 of 2 trends are distinguished from no change after "
        "Holm's correction; 0 more have an interval that excludes no change, where chance alone "
        "gives about 0.10 of 2."
    )


def test_a_trend_that_only_its_own_interval_sees_is_not_named():
    """Many measures: one in twenty has such an interval by chance."""
    rows = of_mixes([1.0, 1.1, 2.0, 3.1])
    alike = [
        row | {"prompt_set": f"set-{number}"}
        for number in range(40) for row in of_mixes([1.0, 3.0, 1.0, 2.0])
    ]  # fmt: skip
    trends = source_count_trends(summary(*rows, *alike), MEMBERS, 0.95, lookup)
    (count,) = source_count_findings(trends, "sources", 0.95)
    assert "0 of 41 trends are distinguished" in count and "1 more have" in count
    assert "about 2.1 of 41" in count


def test_trends_without_any_interval_are_said_to_be_so():
    trends = source_count_trends(
        summary(*of_mixes([1.0, 2.0, 3.0, 4.0])), {"a": ["x"], "ab": ["x", "y"]}, 0.95, lookup
    )
    assert source_count_findings(trends, "sources", 0.95) == [
        "Number of sources (family `sources`): no trend has an interval."
    ]
