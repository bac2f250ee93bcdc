"""Measures of the embedded world on answers whose truth is planted."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from manybaskets.measures import Inputs, all_measures, get
from manybaskets.world import habits
from manybaskets.world.dataset_rows import make_dataset
from manybaskets.world.language import REFUSALS


def inputs(rows, texts: list[str]) -> Inputs:
    ids = [f"{place:05d}" for place in range(len(texts))]
    truth = pl.DataFrame(
        {
            "prompt_id": ids,
            "kind": [row.kind for row in rows],
            "fact": [row.fact for row in rows],
            "value": [row.value for row in rows],
            "phrasing": [row.phrasing for row in rows],
        }
    )
    frame = pl.DataFrame({"prompt_id": ids, "text": texts})
    return Inputs(frame=frame, token_budget=100, truth=truth)


ROWS = make_dataset(rows=240, towns=12, seed=5)
HUMAN = [row.response for row in ROWS]
EVERYTHING = np.arange(len(ROWS))


def value(name: str, given: Inputs, index: np.ndarray = EVERYTHING) -> float:
    return get(name).function(given)(index)


def share(name: str, given: Inputs) -> float:
    return float(np.mean([each for each in get(name).function(given) if each is not None]))


def test_human_answers_are_right_and_a_wrong_value_is_seen() -> None:
    given = inputs(ROWS, HUMAN)
    found = get("fact_correct").function(given)
    assert [each is None for each in found] == [not row.fact for row in ROWS]
    assert None in found and share("fact_correct", given) == 1.0
    wrong = [
        HUMAN[-1] if row.kind == "river" else text for row, text in zip(ROWS, HUMAN, strict=True)
    ]
    rivers = sum(row.kind == "river" for row in ROWS if row.fact)
    lost = sum(each == 0.0 for each in get("fact_correct").function(inputs(ROWS, wrong)))
    assert 0 < lost <= rivers


def test_refusals_are_found_and_no_human_answer_is_one() -> None:
    assert share("refusal", inputs(ROWS, HUMAN)) == 0.0
    refused = [REFUSALS[place % len(REFUSALS)] for place in range(len(ROWS))]
    assert share("refusal", inputs(ROWS, refused)) == 1.0


@pytest.mark.parametrize("habit", habits.HABITS)
def test_each_habit_is_found_where_it_was_put_and_nowhere_else(habit: str) -> None:
    given = inputs(ROWS, [habits.APPLY[habit](text) for text in HUMAN])
    shares = {other: share(f"habit_{other}", given) for other in habits.HABITS}
    assert shares == {other: float(other == habit) for other in habits.HABITS}


def test_effective_number_of_habits() -> None:
    def mixed(pattern: list[str | None]) -> Inputs:
        chosen = [pattern[place % len(pattern)] for place in range(len(ROWS))]
        return inputs(
            ROWS,
            [habits.APPLY[h](t) if h else t for h, t in zip(chosen, HUMAN, strict=True)],
        )

    assert value("habit_count", mixed(list(habits.HABITS))) == pytest.approx(4.0)
    assert value("habit_count", mixed(["lister"])) == pytest.approx(1.0)
    assert value("habit_count", mixed(["lister", None, "helper", None])) == pytest.approx(2.0)
    uneven = value("habit_count", mixed(["lister", "lister", "lister", "helper"]))
    expected = np.exp(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25)))
    assert uneven == pytest.approx(expected)
    assert value("habit_count", mixed([None])) == 0.0
    both = [habits.OPENER + text + habits.CLOSER for text in HUMAN]
    assert value("habit_count", inputs(ROWS, both)) == 0.0


def test_phrasing_entropy_is_that_of_the_planted_lead_ins() -> None:
    leads = [row.phrasing.split("/")[1] for row in ROWS]
    shares = np.unique(leads, return_counts=True)[1] / len(leads)
    expected = -(shares * np.log2(shares)).sum()
    assert expected > 2
    assert value("phrasing_entropy", inputs(ROWS, HUMAN)) == pytest.approx(expected)
    one = [place for place, lead in enumerate(leads) if lead == leads[0]]
    assert value("phrasing_entropy", inputs(ROWS, HUMAN), np.array(one)) == 0.0
    assert np.isnan(value("phrasing_entropy", inputs(ROWS, ["Nonsense."] * len(ROWS))))


def test_phrasing_coverage_counts_distinct_human_phrasings() -> None:
    assert value("phrasing_coverage", inputs(ROWS, HUMAN)) == 1.0
    phrasings = {row.phrasing for row in ROWS}
    common = max(phrasings, key=lambda each: sum(row.phrasing == each for row in ROWS))
    kept = [t if r.phrasing == common else "Hm." for r, t in zip(ROWS, HUMAN, strict=True)]
    assert value("phrasing_coverage", inputs(ROWS, kept)) == pytest.approx(1 / len(phrasings))
    assert value("phrasing_coverage", inputs(ROWS, ["Nonsense."] * len(ROWS))) == 0.0


def test_habits_do_not_hide_the_phrasing() -> None:
    plain = value("phrasing_coverage", inputs(ROWS, HUMAN))
    for apply in habits.APPLY.values():
        assert value("phrasing_coverage", inputs(ROWS, [apply(t) for t in HUMAN])) == plain


def test_measures_that_read_the_truth_apply_only_where_there_is_one() -> None:
    for each in all_measures():
        if "truth" in each.needs:
            assert not each.applies_to("refused")
            assert each.applies_to("test")
