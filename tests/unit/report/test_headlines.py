"""The verdict table: which outcomes stand first, and what its cells say of planted comparisons."""

from __future__ import annotations

import polars as pl
import pytest
import yaml
from fabricated_results import blended, blends, compared, condition, difference, summary
from repository import ROOT

from manybaskets.config.loading import parse_study
from manybaskets.config.study import Study
from manybaskets.measures import get as measure_of
from manybaskets.presentation.verdict_table import (
    CANNOT,
    DECIDED,
    UNDECIDED,
    HeadlineOutcome,
    VerdictCell,
    VerdictTable,
    cell_of,
)
from manybaskets.report.blends import blend_rows
from manybaskets.report.headlines import verdict_table
from manybaskets.report.measured_tables import comparison_rows


def study(**changes) -> Study:
    settings = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    return parse_study(settings | changes, "config")


FIRST = study().comparisons["against-human"].measures[0]
SECOND = study().comparisons["against-human"].measures[1]


def row(value, low, high, p) -> dict:
    return {"value": value, "low": low, "high": high, "p_holm": p}


@pytest.mark.parametrize(
    ("given", "state", "sign", "spoken"),
    [
        (row(2.0, 1.0, 3.0, 0.01), DECIDED, "▲", "higher, decided"),
        (row(-2.0, -3.0, -1.0, 0.01), DECIDED, "▼", "lower, decided"),
        (row(2.0, 1.0, 3.0, 0.06), UNDECIDED, "△", "undecided, points to higher"),
        (row(-2.0, -3.0, 1.0, 0.01), UNDECIDED, "▽", "undecided, points to lower"),
        (row(2.0, 1.0, 3.0, None), CANNOT, "◇", "cannot decide"),
        (row(2.0, None, None, 0.01), CANNOT, "◇", "cannot decide"),
    ],
)
def test_a_cell_is_decided_only_where_interval_and_test_agree(given, state, sign, spoken):
    cell = cell_of(given)
    assert (cell.state, cell.sign, cell.spoken) == (state, sign, spoken)


def test_a_ratio_is_higher_above_one():
    cell = cell_of(row(0.8, 0.7, 0.9, 0.001), equal=1.0)
    assert (cell.sign, cell.value, cell.interval) == ("▼", "0.800", "0.700 to 0.900")


@pytest.mark.parametrize(
    ("better", "way", "state", "judged"),
    [(1, 1, DECIDED, "better"), (1, -1, DECIDED, "worse"), (-1, -1, DECIDED, "better"),
     (0, 1, DECIDED, ""), (1, 1, UNDECIDED, ""), (1, 0, DECIDED, "")],
)  # fmt: skip
def test_only_a_decided_difference_is_judged(better, way, state, judged):
    outcome = HeadlineOutcome("t", "human", "difference", better, "runs")
    assert outcome.judgement(VerdictCell(state, way, "1", "", "")) == judged


def headlines(
    of: Study, *rows: dict, of_blends: pl.DataFrame | None = None
) -> list[HeadlineOutcome]:
    empty = blends()
    conditions = summary(condition("response_words"))
    shown = blend_rows(empty if of_blends is None else of_blends, conditions)
    return list(verdict_table(of, comparison_rows(compared(*rows)), shown).outcomes)


def test_the_first_measure_of_a_family_is_its_headline_however_others_turn_out():
    weak = difference(FIRST, "multi", 0.1, low=-1.0, high=1.2, p=0.9, p_holm=0.9)
    strong = difference(SECOND, "multi", 9.0, p=0.0001, p_holm=0.0001)
    (outcome,) = headlines(study(), strong, weak)
    assert [cell.state for cell in outcome.cells.values()] == [UNDECIDED]
    assert outcome.against == "human"


def test_a_primary_measure_is_the_headline_wherever_it_stands_in_the_list():
    families = study().model_dump()["comparisons"]
    families["against-human"]["primary"] = [SECOND]
    (outcome,) = headlines(study(comparisons=families), difference(FIRST), difference(SECOND))
    assert outcome.title == measure_of(SECOND).label


def test_what_is_undecided_says_what_could_be_found_and_what_was_trained_once_is_not_decided():
    weak = difference(FIRST, "multi", 0.1, p=0.9, p_holm=0.9, detectable=0.5)
    once = difference(FIRST, "single-llama", 9.0, p_holm=None, confirmatory=False)
    (outcome,) = headlines(study(), weak, once)
    undecided, exploratory = outcome.cells.values()
    assert "would be found in 80 % of such studies" in undecided.why
    assert (exploratory.state, exploratory.why) == (CANNOT, "not tested: a side was trained once")


def test_blends_stand_beside_the_mean_of_their_own_singles():
    *_, last = headlines(study(), difference(FIRST), of_blends=blends(blended("self_bleu", -2.0)))
    assert last.title.startswith("Several sources: self-bleu")
    assert last.against == "the mean of their own singles"


def test_conditions_that_nothing_compared_are_left_out():
    outcome = HeadlineOutcome(
        "t", "human", "", 0, "runs", {("llama", "b"): VerdictCell(DECIDED, 1, "1", "", "")}
    )
    none = HeadlineOutcome("empty", "human", "", 0, "runs")
    table = VerdictTable.of([none, outcome], [("llama", "a"), ("llama", "b")])
    assert table.outcomes == [outcome] and table.conditions == [("llama", "b")]


def test_a_sentence_names_every_condition_once_by_what_is_known_of_it():
    cells = {
        ("llama", "a"): VerdictCell(DECIDED, -1, "", "", ""),
        ("llama", "b"): VerdictCell(UNDECIDED, 1, "", "", ""),
        ("llama", "c"): VerdictCell(CANNOT, 1, "", "", ""),
        ("llama", "d"): VerdictCell(DECIDED, -1, "", "", ""),
    }
    outcome = HeadlineOutcome("Self-BLEU", "human", "", 0, "runs", cells)
    assert outcome.sentence(False) == (
        "Self-BLEU, against human: lower: a, d; undecided: b; cannot be decided: c."
    )
    assert "a (llama)" in outcome.sentence(True)


def test_families_and_experiments_give_up_their_last_columns_in_turn():
    def outcomes(name: str, count: int) -> list[HeadlineOutcome]:
        cells = {("llama", "multi"): VerdictCell(DECIDED, 1, "1", "", "")}
        return [HeadlineOutcome(f"{name}{i}", "", "", 0, "runs", cells) for i in range(count)]

    compared_rows = comparison_rows(compared(difference(FIRST)))
    rows = blend_rows(blends(), summary(condition("response_words")))
    experiments = [outcomes("r", 6), outcomes("p", 1), outcomes("b", 4)]
    table = verdict_table(study(), compared_rows, rows, experiments)
    titles = [outcome.title for outcome in table.outcomes]
    assert titles[1:] == ["r0", "r1", "r2", "p0", "b0", "b1", "b2"]


def test_mixes_of_a_source_count_have_their_own_table():
    added = next(iter(study().added_mixes()))
    table = blends(blended("self_bleu", -2.0), blended("self_bleu", -2.0, mix=added))
    *_, last = headlines(study(), difference(FIRST), of_blends=table)
    assert [mix for _, mix in last.cells] == ["multi"]
