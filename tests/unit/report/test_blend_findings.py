"""Several sources against one: what the table shows and the sentences say of planted numbers."""

from __future__ import annotations

import math

import polars as pl
import pytest
from fabricated_results import blended, blends, condition, lookup, summary

from manybaskets.config.blends import Blend
from manybaskets.report.blends import blend_findings, blend_rows
from manybaskets.statistics.blends import BEST_SINGLE, OWN

KNOWN = {"multi": Blend({"single-llama": 0.5, "single-qwen": 0.5}, [], {"llama": "single-llama"})}


def shown(*rows: dict) -> pl.DataFrame:
    estimates = summary(condition(mix="multi", estimate=2.0),
                        condition("own_nll", "multi", estimate=2.0))  # fmt: skip
    return blend_rows(blends(*rows), estimates, lookup)


def said(*rows: dict, known=KNOWN, **other) -> list[str]:
    return blend_findings(shown(*rows), known, lookup=lookup, **other)


def test_perplexities_are_ratios_and_the_baseline_is_what_the_difference_says():
    table = shown(blended(value=0.5), blended("own_nll", 0.2))
    assert table["scale"].to_list() == ["difference", "ratio"]
    assert table["baseline_value"].to_list() == pytest.approx([1.5, math.exp(1.8)])
    assert table["value"].to_list() == pytest.approx([0.5, math.exp(0.2)])
    assert table["verdict"].to_list() == ["different", "different"]


def test_a_synergistic_blend_is_said_to_be_above_all_it_is_compared_with():
    count, best, own, numbers = said(
        blended(), blended(against=BEST_SINGLE, baseline="single-qwen", value=0.3),
        blended(against=OWN, baseline="single-llama", value=0.4),
    )  # fmt: skip
    assert (
        count == "Several sources against the mean of their own singles: of 1 comparison, 1 better."
    )
    assert best == "Several sources against their best single: of 1 comparison, 1 better."
    assert own == "Several sources against the target's own answers: of 1 comparison, 1 better."
    assert numbers == (
        "Entropy on `test`: multi is higher than the mean of its 2 singles (difference 0.500 bits, "
        "95 % interval 0.400 to 0.600, Holm p < 0.001); is higher than its best single, single-qwen "
        "(difference 0.300 bits, 95 % interval 0.200 to 0.400, Holm p < 0.001); is higher than the "
        "target's own, single-llama (difference 0.400 bits, 95 % interval 0.300 to 0.500, "
        "Holm p < 0.001); n = 200 prompts, 3 training seeds."
    )


def test_an_additive_blend_is_not_said_to_have_no_effect():
    count, best, numbers = said(
        blended(value=0.02, p_holm=0.9),
        blended(against=BEST_SINGLE, baseline="single-qwen", value=-0.5),
    )  # fmt: skip
    assert count.endswith("1 not distinguished, which is not evidence of no difference.")
    assert best.endswith("of 1 comparison, 1 worse.")
    assert "multi could not be distinguished from the mean of its 2 singles" in numbers
    assert "is lower than its best single, single-qwen" in numbers


@pytest.mark.parametrize(
    ("measure", "value", "word"),
    [("entropy", 0.5, "better"), ("entropy", -0.5, "worse"), ("own_nll", -0.5, "better"),
     ("own_nll", 0.5, "worse"), ("words", 0.5, "different (no side is better)")],
)  # fmt: skip
def test_better_is_the_measures_own_side(measure, value, word):
    assert said(blended(measure, value))[0].endswith(f"of 1 comparison, 1 {word}.")


@pytest.mark.parametrize(
    ("row", "words"),
    [(blended(p_holm=0.2), "only the interval excludes equality"),
     (blended(value=0.05, p_holm=0.01), "the interval reaches equality")],
)  # fmt: skip
def test_interval_and_test_that_disagree_decide_nothing(row, words):
    count, numbers = said(row)
    assert count.endswith("1 undecided (the interval and the test disagree).")
    assert "is undecided against the mean of its 2 singles" in numbers and words in numbers
    assert "higher" not in numbers


def test_a_mix_trained_once_is_named_and_counts_nowhere():
    (only,) = said(blended(n_seeds=1, p_holm=None, family_size=None))
    assert only.startswith(
        "Not tested against their singles, because they or a single were trained once"
    )
    assert "multi" in only


def test_unknown_parts_are_named():
    known = {"multi": Blend({"single-llama": 0.5}, ["gpt-4o"], {})}
    (only,) = said(known=known)
    assert only == (
        "The mean of the singles and the best single of multi are unknown: no mix holds gpt-4o alone."
    )


def test_decided_comparisons_come_first_and_the_rest_is_counted():
    rows = [blended("words", 0.0, p_holm=0.9), blended("entropy"), blended("own_nll", p_holm=0.3)]
    _, first, more = said(*rows, limit=1)
    assert first.startswith("Entropy") and more.startswith("2 more measures of blends")


def test_targets_are_named_where_they_are_several():
    numbers = said(blended(), blended(model="qwen", p_holm=0.001))
    assert sum(", target llama: multi" in line for line in numbers) == 1
