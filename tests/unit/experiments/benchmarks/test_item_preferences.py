"""Preference rates and flips from item scores, also the published ones."""

import csv
from pathlib import Path

import pytest
from score_files import section
from statsmodels.stats.proportion import proportion_confint

from manybaskets.config.evaluation import Statistics
from manybaskets.errors import UserError
from manybaskets.experiments.benchmarks.analysis import compute_statistics
from manybaskets.experiments.benchmarks.item_preferences import preference_table
from manybaskets.experiments.benchmarks.ready_scores import read_books

FIXTURES = Path(__file__).parents[4].parent / "shared/published/fixtures"
JUDGED = {"harness": "FastChat", "judge": "a judge"}


def written(path: Path, *rows: tuple) -> Path:
    with open(path, "w", newline="") as handle:
        csv.writer(handle).writerows([("question_id", "a", "b", "t"), *rows])
    return path


def books(path: Path, **changes):
    models = {"one": "a", "two": "b", "teacher": "t"}
    return read_books(
        section(
            models={name: {} for name in models},
            results={
                "judged": [
                    {"kind": "item_csv", "path": str(path), "benchmark": "mt-bench",
                     "columns": models, "measured_with": JUDGED}
                ]
            },
            preferences={
                "pair": {"benchmark": "mt-bench", "students": ["one", "two"],
                         "teachers": ["teacher", "two"]}
                | changes
            },
        )
    )  # fmt: skip


def test_wins_losses_and_ties_are_all_items_and_only_strict_orders_flip(tmp_path):
    file = written(
        tmp_path / "s.csv", (1, 8, 5, 9), (2, 5, 5, 9), (3, 4, 6, 9), (4, 4, 6, 6), (5, "", 6, 9)
    )
    first, second = preference_table(books(file), 0.95).to_dicts()
    assert (first["wins"], first["losses"], first["ties"], first["n"]) == (1, 2, 1, 4)
    assert (second["wins"], second["rate"]) == (2, 50.0)
    assert first["unpaired"] == second["unpaired"] == 1  # the fifth
    assert (first["flips"], first["flip_items"]) == (1, "3")
    expected = proportion_confint(1, 4, method="beta")
    assert (first["low"] / 100, first["high"] / 100) == pytest.approx(expected)


def test_the_statistics_of_a_study_have_them_and_no_flips_without_teachers(tmp_path):
    file = written(tmp_path / "s.csv", (1, 8, 5, 9), (2, 5, 5, 9))
    settings = Statistics(bootstrap_resamples=1999, sign_flips=1999)
    found = compute_statistics(books(file, teachers=None), settings, 0, None)
    assert found["benchmark-preferences"]["flips"].to_list() == [None, None]
    scores = found["benchmark-scores"].filter(model="one")
    assert scores["score"].item() == 6.5


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([(1, 8, 5, 9), (1, 8, 5, 9)], "item '1' is there twice"),
        ([(1, 8, "good", 9)], "'good' is not a number"),
        ([(1, 8, "", 9)], "column 'b' has no score"),
        ([(1, 8, 11, 9)], "not on the benchmark's scale"),
        ([(1, 8, "inf", 9)], "not on the benchmark's scale"),
        ([(1, 8, "", 9), (2, "", 8, 9)], "no item in common"),
    ],
)
def test_scores_that_cannot_be_compared_are_refused(tmp_path, rows, message):
    with pytest.raises(UserError, match=message):
        preference_table(books(written(tmp_path / "s.csv", *rows)), 0.95)


def test_published_rates_and_flips(tmp_path):
    if not FIXTURES.is_dir():
        pytest.skip("../shared/published is not there")
    with open(FIXTURES / "preference_scores_50.csv", newline="") as handle:
        rows = [tuple(row.values()) for row in csv.DictReader(handle)]
    # The file has the questions with unequal scores; on the other thirty both students are equal.
    with open(FIXTURES / "first_turn_scores_80.csv", newline="") as handle:
        teacher = {row["question_id"]: row["score_q72_none"] for row in csv.DictReader(handle)}
    ties = [(item, 5, 5, teacher[item]) for item in teacher.keys() - {row[0] for row in rows}]
    read = books(written(tmp_path / "s.csv", *rows, *ties))
    q72, l70 = preference_table(read, 0.95).to_dicts()
    assert (q72["wins"], q72["losses"], q72["ties"], q72["n"]) == (32, 18, 30, 80)
    assert (q72["rate"], l70["rate"], q72["flips"]) == (40.0, 22.5, 6)
    assert read["judged"].get("teacher", "mt-bench").value == 8.1625
