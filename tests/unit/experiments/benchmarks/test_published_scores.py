"""The published scores of WILDCHAT-50M: averages, agreement, grids, curves, and what does not hold."""

from __future__ import annotations

import csv

import polars as pl
import pytest
from repository import ROOT

from manybaskets.config.evaluation import Statistics
from manybaskets.config.loading import load_study
from manybaskets.errors import UserError
from manybaskets.experiments.benchmarks import analysis
from manybaskets.experiments.benchmarks.findings import section_of
from manybaskets.experiments.benchmarks.ready_scores import read_books
from manybaskets.experiments.benchmarks.score_estimates import average
from manybaskets.experiments.benchmarks.student_agreement import agreement_table, exact_interval

FIXTURE = ROOT.parent / "shared/published/fixtures/benchmark_rows.csv"
NUMBERS = ROOT / "resources/published/wildchat50m.csv"
# Averages that the study's own scores give, by run: of seven and of nine benchmarks.
EXPECTED = {
    "100k-gpt": (0.3511, 0.3435),
    "250k-qwen2.5-72B": (0.3642, 0.4051),
    "500k-qwen2.5-72B": (0.3666, 0.4037),
    "500k-qwen2.5-72B-lc": (0.3597, 0.4001),
    "250k-qwen2.5-72b-mmlu-personas-algebra": (0.3717, 0.4089),
    "500k-70B-2blend": (0.3633, 0.4027),
    "Qwen-7B-Qwen-72B": (0.4159, 0.4448),
}


@pytest.fixture(scope="module")
def study():
    return load_study(ROOT / "config/wildchat-50m.published.yaml")


@pytest.fixture(scope="module")
def books(study):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return read_books(study.benchmarks)


@pytest.fixture(scope="module")
def frames(books):
    settings = Statistics(bootstrap_resamples=999)
    return analysis.compute_statistics(books, settings, 0, NUMBERS)


def averages_of(section, rows):
    """Averages of all rows of the study's file, read as any user's file."""
    models = {f"m{number}": row for number, row in enumerate(rows)}
    first, second = section.results["evalchemy"]
    changed = section.model_copy(
        update={
            "models": {**dict.fromkeys(models, next(iter(section.models.values())))},
            "results": {
                "all": [each.model_copy(update={"models": models}) for each in (first, second)]
            },
        }
    )
    book = read_books(changed)["all"]
    return {
        row: tuple(average(book, model, section.averages[name]).value for name in ("avg7", "avg9"))
        for model, row in models.items()
    }


def test_the_study_s_scores_give_the_averages_of_seven_and_nine_exactly(study, monkeypatch):
    monkeypatch.chdir(ROOT)
    found = averages_of(study.benchmarks, EXPECTED)
    for row, expected in EXPECTED.items():
        assert found[row] == pytest.approx(expected, abs=5.1e-5), row


def test_all_48_published_runs_have_their_averages(study, monkeypatch):
    if not FIXTURE.is_file():
        pytest.skip("../shared/published is not there")
    monkeypatch.chdir(ROOT)
    with open(FIXTURE, newline="") as handle:
        rows = {row["run"]: row for row in csv.DictReader(handle)}
    assert len(rows) == 48
    for name, found in averages_of(study.benchmarks, rows).items():
        expected = [float(rows[name][f"{key}_expected"]) for key in ("avg7", "avg9")]
        assert found == pytest.approx(expected, abs=5.1e-5), name
        # What the study printed as its average is that of seven (D18).
        assert found[0] == pytest.approx(float(rows[name]["avg_as_published"]), abs=5.1e-4), name


def test_ifeval_enters_an_average_once(study):
    for members in study.benchmarks.averages.values():
        assert len(set(members)) == len(members) and members.count("ifeval") == 1


def test_an_average_without_one_of_its_scores_is_none(books, study):
    book = books["agreement-teachers"]
    assert average(book, "q72", study.benchmarks.averages["avg9"]) is None
    assert average(book, "q72", ["bbh", "math"]).value == pytest.approx((0.599 + 0.461) / 2)


def test_agreement_is_half_as_published_and_three_of_five_without_the_tie(frames):
    rates = {row["ties"]: row for row in frames[analysis.RATES].to_dicts()}
    assert (rates["count as disagreement"]["rate"], rates["count as disagreement"]["n"]) == (0.5, 6)
    ours = rates["left out"]
    assert (ours["agree"], ours["n"], ours["rate"]) == (3, 5, 0.6)
    # R: binom.test(3, 5)$conf.int
    assert (ours["low"], ours["high"]) == pytest.approx((0.1466328, 0.9472550), abs=1e-6)
    by_task = dict(frames[analysis.AGREEMENT].select("benchmark", "agree").rows())
    assert by_task == {
        "MTBench": True, "AlpacaEval (LC)": None, "BBH": True, "MATH": True, "IFEval": False, "MMLU-Pro": False,
    }  # fmt: skip


def test_exact_intervals_reach_the_ends():
    # R: binom.test(0, 6)$conf.int and binom.test(6, 6)$conf.int
    assert exact_interval(0, 6, 0.95) == pytest.approx((0, 0.4592581), abs=1e-6)
    assert exact_interval(6, 6, 0.95) == pytest.approx((0.5407419, 1), abs=1e-6)


def test_scores_of_different_harnesses_do_not_agree_without_a_reason(study, books):
    pair = study.benchmarks.agreement["q72-l70"].model_copy(update={"other_settings_reason": None})
    changed = study.benchmarks.model_copy(update={"agreement": {"q72-l70": pair}})
    mixed = {name: book for name, book in books.items()}
    first = next(iter(mixed.values()))
    section, first.section = first.section, changed
    try:
        with pytest.raises(UserError, match='harness "Evalchemy" and "leaderboards"'):
            agreement_table(mixed)
    finally:
        first.section = section


def test_the_report_says_what_does_not_hold(frames):
    published = frames[analysis.PUBLISHED]
    # Tables 2, 6 and 7 print the scores of the file, but for one that was rounded twice.
    digits = published.filter(
        pl.col("column") != "Avg",
        ~pl.col("column").str.ends_with("ci95"),
        pl.col("table").is_in(["T2", "T6", "T7"]),
    )
    assert digits.height == 6 * 9 + 8 * 9 + 6 * 9
    wrong = digits.filter(~pl.col("holds")).select("row", "column", "reported", "recomputed").rows()
    assert wrong == [("L8B:Q7 (500k)", "MixEval", 0.64, 0.6345)]
    # Their averages are of seven benchmarks.
    for table, column, count in (("T6", "Avg", 8), ("T7", "Avg", 6), ("fig2", "Avg_plotted", 12)):
        printed = published.filter(table=table, column=column)
        assert printed.height == count
        assert set(printed.filter(~pl.col("holds"))["equals"]) == {"avg7"}
    legend = published.filter(table="fig1")
    assert legend.filter(~pl.col("holds"))["row"].to_list() == ["RE-WILD"]
    assert legend.filter(row="RE-WILD")["recomputed"].item() == pytest.approx(0.4089, abs=5e-5)
    assert published.filter(table="blend")["holds"].all()
    # Truncation does not help: the order of the two is the opposite.
    order = frames[analysis.ORDERS].filter(table="length_ablation").to_dicts()[0]
    assert (order["pairs"], order["reversed"]) == (1, 1)
    # With nine benchmarks, Q7B gains most from the larger model of its family.
    order = frames[analysis.ORDERS].filter(table="T6", column="Avg").to_dicts()[0]
    assert (order["reversed"], order["largest"]) == (1, "Q7B:Q7 above Q7B:Q72")
    section = section_of(frames)
    text = "\n".join(section.sentences)
    assert "Q72 truncated to L70 length above Q72 untruncated, as reported, does not hold" in text
    assert "3 of 5 benchmarks" in text and "chance is inside" in text
    assert "RE-WILD: 0.411 reported, 0.4089 recomputed" in text
    assert "leaderboards" in "\n".join(section.warnings)


def test_printed_half_widths_follow_from_the_numbers_of_items(frames):
    widths = frames[analysis.PUBLISHED].filter(pl.col("column").str.ends_with("_ci95"))
    held = dict(widths.group_by("score").agg(pl.col("holds").sum()).rows())
    assert held == {"GPQA": 20, "IFEval": 20, "MMLU-Pro": 20, "MUSR": 16}


def test_a_base_model_gains_from_its_own_family(frames):
    families = frames[analysis.FAMILIES]
    rows = {(row["base"], row["average"]): row["difference"] for row in families.to_dicts()}
    # By hand from the table: mean of the two of the family minus the third.
    assert rows["q7b", "avg7"] == pytest.approx((0.4286 + 0.4159) / 2 - 0.3937, abs=1e-4)
    assert rows["l8b", "avg7"] == pytest.approx((0.3630 + 0.3561) / 2 - 0.3495, abs=1e-4)


def test_blends_and_curves_follow_from_the_scores(frames):
    blends = frames[analysis.BLENDS].filter(blend="q72-l70-500k")
    rows = {row["average"]: row for row in blends.to_dicts()}
    assert rows["avg7"]["difference"] == pytest.approx(0.3633 - (0.3666 + 0.3605) / 2, abs=1e-4)
    assert rows["avg9"]["difference"] == pytest.approx(0.4027 - (0.4037 + 0.3818) / 2, abs=1e-4)
    points = frames[analysis.SCALING].filter(source="q72", score="avg9")
    assert points["rows"].to_list() == [100000, 250000, 500000]
    assert points["value"].to_list() == pytest.approx([0.3924, 0.4051, 0.4037], abs=5.1e-5)
    trend = frames[analysis.TRENDS].filter(source="q72", score="avg9").to_dicts()[0]
    # R: lm(y ~ log2(rows)), coef and confint of the slope, with the three averages above
    assert trend["per_doubling"] == pytest.approx(0.0051, abs=2e-4) and trend["n"] == 3
    assert trend["low"] < 0 < trend["high"]
