"""Tables: scales, orders, p-values, and text that no reader may run."""

import csv
import math
import re
from types import SimpleNamespace

import polars as pl
import pytest
from fabricated_results import compared, condition, difference, lookup, summary

from manybaskets import measures
from manybaskets.errors import UserError
from manybaskets.presentation.formatting import number, p_value, rounded_alike
from manybaskets.presentation.table_forms import display, note, write_all
from manybaskets.presentation.table_forms import latex as latex_
from manybaskets.presentation.table_forms import table_markdown as markdown_
from manybaskets.records.measured import in_config_order
from manybaskets.report import measured_tables as tables


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
    assert rounded_alike([1.3, 0.082, 22.4]) == [
        "1.30",
        "0.0820",
        "22.4",
    ]  # a ratio's wide interval


def row(frame, **wanted):
    """The one row with these values."""
    return frame.filter(**wanted).row(0, named=True)


def test_perplexities_are_shown_as_such_and_compared_as_ratios():
    rows = [condition("own_nll", estimate=2.0, median=1.5), condition("response_words")]
    shown = row(tables.condition_rows(summary(*rows), lookup), measure="own_nll")
    assert shown["value"] == pytest.approx(math.exp(2.0))
    assert shown["median"] == pytest.approx(math.exp(1.5))
    assert shown["unit"] == "perplexity"
    assert shown["seed_sd"] == pytest.approx(0.05 * math.exp(2.0))
    ratio = tables.comparison_rows(compared(difference("own_nll", value=0.2)), lookup)
    assert ratio["scale"].item() == "ratio"
    assert ratio["value"].item() == pytest.approx(math.exp(0.2))
    assert ratio["trimmed"].item() == pytest.approx(math.exp(0.2))


def of_sources(measure, source, estimate=2.0, **other):
    return condition(
        measure, source, estimate, model="sources", prompt_set="train", n_seeds=1, **other
    )


def test_every_value_stands_beside_the_length_of_its_own_condition():
    frame = summary(
        condition("entropy", "multi"),
        condition("response_words", "multi", 30.0, median=25.0),
        condition("entropy", "human"),
        condition("response_words", "human", 12.0, median=9.0),
        condition("response_words", "multi", 3.0, median=2.0, prompt_set="refused"),
    )
    shown = tables.condition_rows(frame, lookup)
    assert row(shown, measure="entropy", mix="multi")["mean_words"] == 30.0
    assert row(shown, measure="entropy", mix="human")["median_words"] == 9.0
    assert row(shown, prompt_set="refused")["mean_words"] == 3.0
    assert shown["mean_tokens"].null_count() == shown.height  # they were not measured here
    with pytest.raises(UserError, match="length of the answers was not measured: llama/multi/test"):
        tables.condition_rows(frame.filter(pl.col("measure") != "response_words"), lookup)
    assert "30.0 / 25.0" in markdown_(shown, "")


def test_sources_have_a_table_of_their_own():
    frame = summary(
        condition("response_words", "multi"), of_sources("response_words", "qwen", 41.0)
    )
    shown = tables.conditions_of_sources(frame, lookup)
    assert shown["source"].to_list() == ["qwen"] and shown["value"].to_list() == [41.0]
    assert not {"model", "prompt_set", "mix"} & set(shown.columns)
    pairs = compared(
        difference(), difference(model="sources", prompt_set="train", mix="qwen", family="apart")
    )
    assert tables.comparisons_of_sources(pairs, lookup)["source"].to_list() == ["qwen"]
    assert tables.comparisons_of_sources(compared(difference()), lookup).height == 0


def test_exclusions_are_counted_by_reason_with_their_zeros():
    frame = summary(
        condition("response_words", "multi", n_excluded=2),
        condition("entropy", "multi", n_excluded=7),
        condition("response_words", "human", n_excluded=0),
        condition("entropy", "human", n_excluded=None),
    )
    counted = tables.exclusions(frame, lookup)
    assert counted.select("measure", "mix", "reason", "n").rows() == [
        ("response_words", "multi", tables.NO_ANSWER, 2),
        ("response_words", "multi", tables.NO_VALUE, 0),
        ("entropy", "multi", tables.NO_ANSWER, 2),
        ("entropy", "multi", tables.NO_VALUE, 5),
        ("response_words", "human", tables.NO_ANSWER, 0),
        ("response_words", "human", tables.NO_VALUE, 0),
        ("entropy", "human", tables.NO_ANSWER, 0),
        ("entropy", "human", tables.NO_VALUE, None),
    ]


def test_measures_of_sets_leave_out_what_another_condition_did_not_answer():
    def of_sets(name):
        return SimpleNamespace(**vars(lookup(name)), level="set" if name == "entropy" else "prompt")

    frame = summary(condition("response_words"), condition("entropy", n_excluded=4))
    counted = tables.exclusions(frame, of_sets)
    assert row(counted, measure="entropy", n=4)["reason"] == tables.NOT_MATCHED


def test_a_family_has_as_many_tests_as_have_a_p():
    rows = [difference(mix="a"), difference(mix="b", p=None, p_holm=None), difference(mix="c")]
    frame = tables.comparison_rows(compared(*rows, difference(family="other")), lookup)
    assert frame["family_size"].to_list() == [2, 2, 2, 1]
    assert "by family: against-human 2, other 1." in note(frame)


def test_what_all_rows_share_goes_from_the_columns_to_the_note():
    frame = tables.comparison_rows(compared(difference(mix="a"), difference(mix="b")), lookup)
    headers, rows, numeric = display(frame)
    assert not {"family", "target", "prompts", "baseline", "scale"} & set(headers)
    assert all(len(cells) == len(headers) == len(numeric) for cells in rows)
    assert "All rows: family against-human, prompts test, target llama" in note(frame)
    single, _, _ = display(frame.head(1))
    assert {"family", "target", "prompts", "baseline"} <= set(single)


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
    path, *_ = write_all(frame, tmp_path / "counts", "Counts")
    rows = list(csv.reader(path.open(encoding="utf-8")))
    assert rows[0] == ["'=name", "value"]
    assert [row[0] for row in rows[1:]] == ["'=1+1", "-0.5", "'@x", "plain", ""]
    assert [float(row[1]) for row in rows[1:]] == [-0.25, 1e-9, 2, 3, 4]


def test_all_three_forms_hold_the_table_and_csv_keeps_the_precision(tmp_path):
    rows = [difference(mix="a_b & <c> | d", p=1.23456789e-9, p_holm=2.46913578e-9)]
    frame = tables.comparison_rows(compared(*rows), lookup)
    csv_path, markdown, latex = write_all(frame, tmp_path / "comparisons", "50 % of A_B")
    assert "1.23456789e-9" in csv_path.read_text(encoding="utf-8")
    shown = markdown.read_text(encoding="utf-8")
    assert r"a_b & \<c\> \| d" in shown
    assert r"\<0.0001" in shown and "−0.400 to −0.200" in shown and "Method: sign flips." in shown
    text = latex.read_text(encoding="utf-8")
    assert r"a\_b \& $<$c$>$ \textbar{} d" in text
    assert r"\caption{50 \% of A\_B Tests that Holm's" in text and "Method: sign flips.}" in text
    assert r"$<$0.0001" in text and r"\toprule" in text and r"\begin{tabular}" in text


def test_long_tables_break_over_pages():
    frame = pl.DataFrame({"rows": range(60)})
    assert r"\begin{longtable}" in latex_(frame, "Rows", "rows")


def test_latex_can_be_compiled_whatever_the_text():
    hostile = "50 % of $x_1$ & #2 {a}~b^c \\ end | <p> − × ≤ ≥ → ← ∞ β²\u00a0é – 'q'"
    text = latex_(pl.DataFrame({hostile: [hostile]}), hostile, "a_b/ c")
    assert all(ord(mark) <= 0x17F for mark in text) and "needs XeLaTeX" not in text
    assert r"\label{tab:a-b--c}" in text
    inside = text.split(r"\midrule")[1].split(r"\bottomrule")[0].removesuffix("\n").strip()
    bare = re.sub(r"\\[a-zA-Z]+(\{\})?|\\[&%$#_{}]|\$[^$]*\$|\\\\$|~", "", inside)
    assert not set("&%$#_{}^~\\") & set(bare), bare
    assert "needs XeLaTeX" in latex_(pl.DataFrame({"a": ["言葉"]}), "", "words")


def test_names_of_all_measures_can_be_set_in_latex():
    every = measures.all_measures()
    frame = pl.DataFrame({"label": [m.label for m in every], "unit": [m.unit for m in every]})
    assert "needs XeLaTeX" not in latex_(frame, "Measures", "measures")


def test_empty_frames_give_empty_tables(tmp_path):
    for frame in (
        tables.condition_rows(summary().clear(), lookup),
        tables.comparison_rows(compared(), lookup),
    ):
        assert frame.height == 0
        write_all(frame, tmp_path / "empty", "Empty")
