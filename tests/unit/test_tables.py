"""Tables: scales, orders, p-values, and text that no reader may run."""

import csv
import math

import polars as pl
import pytest
from fabricated_results import compared, condition, difference, lookup, summary

from manybaskets import tables
from manybaskets.shown import in_config_order, number, p_value, rounded_alike


@pytest.mark.parametrize(
    ("p", "shown"),
    [(1e-7, "<0.0001"), (0.0, "<0.0001"), (0.0001, "0.0001"), (0.0496, "0.0496"), (1.0, "1.0000")],
)
def test_p_is_never_shown_as_zero(p, shown):
    assert p_value(p) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.31, "0.310"), (-0.0312, "−0.0312"), (9.996, "10.0"), (1234.5, "1234"), (0.0, "0"),
     (3, "3"), (None, "–"), (math.nan, "–"), (1e-9, "1.00e−09")],
)  # fmt: skip
def test_numbers_have_three_digits_and_a_true_minus(value, shown):
    assert number(value) == shown


def test_ends_of_an_interval_have_the_same_decimals():
    assert rounded_alike([-0.4, 0.031]) == ["−0.400", "0.031"]


def test_perplexities_are_shown_as_such_and_compared_as_ratios():
    shown = tables.conditions(summary(condition("own_nll", estimate=2.0)), lookup).row(
        0, named=True
    )
    assert shown["value"] == pytest.approx(math.exp(2.0))
    assert shown["unit"] == "perplexity"
    assert shown["seed_sd"] == pytest.approx(0.05 * math.exp(2.0))
    ratio = tables.comparisons(compared(difference("own_nll", value=0.2)), lookup)
    assert ratio["scale"].item() == "ratio"
    assert ratio["value"].item() == pytest.approx(math.exp(0.2))


def test_best_single_follows_the_direction_and_needs_one():
    rows = [
        condition(measure, mix, estimate)
        for measure in ("entropy", "own_nll", "words")
        for mix, estimate in (("single-llama", 1.0), ("single-qwen", 2.0), ("multi", 1.6))
    ]
    table = tables.multi_against_singles(
        summary(*rows), ["single-llama", "single-qwen"], "multi", lookup
    )
    assert table["best_single"].to_list() == ["single-qwen", "single-llama", None]
    assert table["best_value"].to_list() == [2.0, pytest.approx(math.e), None]
    assert table["mean_of_singles"].to_list() == [1.5, pytest.approx(math.exp(1.5)), 1.5]


def test_mean_of_singles_is_empty_where_one_is_missing():
    frame = summary(condition(mix="single-llama"), condition(mix="multi"))
    table = tables.multi_against_singles(frame, ["single-llama", "single-qwen"], "multi", lookup)
    assert table["mean_of_singles"].to_list() == [None]


def test_rows_stand_in_the_order_of_the_config():
    frame = summary(
        *(condition(m, x) for m in ("own_nll", "entropy") for x in ("human", "multi", "vanilla"))
    )
    ordered = in_config_order(frame, ["entropy", "own_nll"], ["llama"], ["multi", "human"])
    assert ordered["mix"].to_list() == ["vanilla", "multi", "human"] * 2
    assert ordered["measure"].to_list() == ["entropy"] * 3 + ["own_nll"] * 3


def test_csv_neutralises_formulas_in_text_and_leaves_numbers(tmp_path):
    frame = pl.DataFrame(
        {"=name": ["=1+1", "-0.5", "@x", "plain", None], "value": [-0.25, 1e-9, 2, 3, 4]}
    )
    path, *_ = tables.write_all(frame, tmp_path / "counts", "Counts")
    rows = list(csv.reader(path.open(encoding="utf-8")))
    assert rows[0] == ["'=name", "value"]
    assert [row[0] for row in rows[1:]] == ["'=1+1", "-0.5", "'@x", "plain", ""]
    assert [float(row[1]) for row in rows[1:]] == [-0.25, 1e-9, 2, 3, 4]


def test_all_three_forms_hold_the_table_and_csv_keeps_the_precision(tmp_path):
    rows = [difference(mix="a_b & <c> | d", p=1.23456789e-9, p_holm=2.46913578e-9)]
    frame = tables.comparisons(compared(*rows), lookup)
    csv_path, markdown, latex = tables.write_all(frame, tmp_path / "comparisons", "50 % of A_B")
    assert "1.23456789e-9" in csv_path.read_text(encoding="utf-8")
    shown = markdown.read_text(encoding="utf-8")
    assert r"a_b & \<c\> \| d" in shown
    assert r"\<0.0001" in shown and "−0.400 to −0.200" in shown and "Method: sign flips." in shown
    text = latex.read_text(encoding="utf-8")
    assert r"a\_b \& $<$c$>$ \textbar{} d" in text
    assert r"\caption{50 \% of A\_B Method: sign flips.}" in text
    assert r"$<$0.0001" in text and r"\toprule" in text and r"\begin{tabular}" in text


def test_long_tables_break_over_pages():
    frame = pl.DataFrame({"rows": range(60)})
    assert r"\begin{longtable}" in tables.latex(frame, "Rows", "rows")


def test_empty_frames_give_empty_tables(tmp_path):
    for frame in (
        tables.conditions(summary().clear(), lookup),
        tables.comparisons(compared(), lookup),
    ):
        assert frame.height == 0
        tables.write_all(frame, tmp_path / "empty", "Empty")
