"""Scores with errors and intervals, paired differences, averages, and what the config refuses."""

from __future__ import annotations

import math

import numpy as np
import pytest
from score_files import section
from statsmodels.stats.proportion import proportion_confint

from manybaskets.config.evaluation import Statistics
from manybaskets.config.loading import parse_study
from manybaskets.errors import UserError
from manybaskets.experiments.benchmarks.score_book import Score, ScoreBook, over_seeds
from manybaskets.experiments.benchmarks.score_estimates import (
    PAIRED,
    UNPAIRED,
    average_table,
    difference_table,
    score_table,
)

SETTINGS = Statistics(bootstrap_resamples=1999, sign_flips=1999)
SELECTION = {"all": {"title": "all", "models": ["one", "two"], "baseline": "two"}}


def book_of(**scores: Score) -> dict[str, ScoreBook]:
    """A book with these scores of the models on the benchmark `bbh`."""
    book = ScoreBook(section(selections=SELECTION), "ours")
    for model, score in scores.items():
        book.add(model, "bbh", score)
    return {"ours": book}


def of_items(*seeds: np.ndarray) -> Score:
    """A score from item scores, by training seed."""
    maps = [dict(zip(map(str, range(len(seed))), seed.tolist(), strict=True)) for seed in seeds]
    each = [
        Score(float(seed.mean()), None, len(seed), {}, "f", (m,))
        for seed, m in zip(seeds, maps, strict=True)
    ]
    return over_seeds(each)


def passed(seed: int, share: float, number: int = 200) -> np.ndarray:
    return (np.random.default_rng(seed).random(number) < share).astype(float)


def test_a_share_of_items_has_wilson_s_interval():
    values = passed(1, 0.3)
    row = score_table(book_of(one=of_items(values)), SETTINGS, 0).to_dicts()[0]
    expected = proportion_confint(values.sum(), 200, method="wilson")
    assert (row["low"], row["high"]) == pytest.approx(expected, abs=1e-9)
    assert row["n"] == 200


def test_graded_items_have_a_bootstrap_interval_close_to_student_s():
    values = np.random.default_rng(2).beta(2, 5, 300)
    row = score_table(book_of(one=of_items(values)), SETTINGS, 0).to_dicts()[0]
    se = values.std(ddof=1) / math.sqrt(300)
    assert row["se"] == pytest.approx(se)
    assert (row["low"], row["high"]) == pytest.approx(
        (values.mean() - 1.968 * se, values.mean() + 1.968 * se), abs=0.15 * se
    )


def test_a_score_without_items_has_a_normal_interval_within_its_scale():
    row = score_table(book_of(one=Score(0.02, 0.02, None, {}, "f")), SETTINGS, 0).to_dicts()[0]
    assert (row["low"], row["high"]) == pytest.approx((0, 0.02 + 1.959964 * 0.02))


def test_models_are_paired_by_item_and_not_by_position():
    """The same answers in another order differ by nothing; unpaired, they would differ by chance."""
    values = passed(3, 0.5)
    shuffled = of_items(values)
    shuffled = Score(
        shuffled.value, None, 200, {}, "f", (dict(reversed(shuffled.seeds[0].items())),)
    )
    row = difference_table(book_of(one=of_items(values), two=shuffled), SETTINGS, 0).to_dicts()[0]
    assert (row["difference"], row["se"], row["method"], row["n"]) == (0, 0, PAIRED, 200)
    harder = np.minimum(values, passed(4, 0.8))
    row = difference_table(
        book_of(one=of_items(values), two=of_items(harder)), SETTINGS, 0
    ).to_dicts()[0]
    difference = values - harder
    assert row["se"] == pytest.approx(difference.std(ddof=1) / math.sqrt(200))
    assert row["low"] < difference.mean() < row["high"] and row["low"] > 0 and row["p"] < 0.01


def test_without_items_both_standard_errors_count():
    books = book_of(one=Score(0.5, 0.03, None, {}, "f"), two=Score(0.4, 0.04, None, {}, "f"))
    row = difference_table(books, SETTINGS, 0).to_dicts()[0]
    assert (row["se"], row["method"]) == (pytest.approx(0.05), UNPAIRED)
    assert row["p"] == pytest.approx(0.0455, abs=1e-4)  # two-sided, z = 2


def test_training_seeds_widen_the_interval():
    """Three trainings of very different quality say less than their items alone."""
    seeds = [passed(n, share) for n, share in ((5, 0.3), (6, 0.5), (7, 0.7))]
    several = score_table(book_of(one=of_items(*seeds)), SETTINGS, 0).to_dicts()[0]
    alike = [passed(n, 0.5) for n in (5, 6, 7)]
    close = score_table(book_of(one=of_items(*alike)), SETTINGS, 0).to_dicts()[0]
    assert several["score"] == pytest.approx(np.mean([seed.mean() for seed in seeds]))
    assert several["high"] - several["low"] > 3 * (close["high"] - close["low"])


def test_an_average_divides_by_the_maximum_and_lacks_no_score():
    books = book_of(one=Score(0.5, 0.03, None, {}, "f"), two=Score(0.4, None, None, {}, "f"))
    books["ours"].add("one", "mt-bench", Score(6, 0.4, None, {}, "f"))
    one, two = average_table(books, 0.95).to_dicts()
    assert (one["value"], one["se"]) == (pytest.approx(0.55), pytest.approx(0.025))
    assert (two["value"], two["missing"], two["n_benchmarks"]) == (None, "mt-bench", 1)


def scores_only(**changes):
    """The config of a study of ready scores alone."""
    measured = {"harness": "h"}
    file = {"kind": "csv", "path": "s.csv", "columns": {"bbh": "BBH"}, "measured_with": measured}
    benchmarks = {
        "tasks": {"bbh": {}},
        "averages": {"avg": ["bbh"]},
        "models": {"one": {"base": "b", "source": "s"}, "two": {}},
        "results": {"ours": [file]},
    }
    settings = {"study": "scores", "dataset": None, "benchmarks": benchmarks | changes}
    return parse_study(settings, "a test")


def test_a_study_of_scores_alone_needs_no_dataset():
    assert scores_only().dataset is None
    with pytest.raises(UserError, match="dataset: this key is missing"):
        parse_study({"study": "nothing"}, "a test")
    with pytest.raises(UserError, match="dataset: null, but only"):
        settings = scores_only().settings()
        parse_study(settings | {"measures": ["response_words"]}, "a test")


PAIR = {"students": ["one", "two"], "teachers": ["one", "two"]}
WRONG = {
    "averages.avg: 'mmlu' is not among": {"averages": {"avg": ["mmlu"]}},
    "averages.avg: remove the duplicate": {"averages": {"avg": ["bbh", "bbh"]}},
    "averages.bbh: is a benchmark, too": {"averages": {"bbh": ["bbh"]}},
    "selections.s.models: 'three' is not among": {"selections": {"s": {"title": "", "models": ["three"]}}},
    "selections.s.baseline: 'two' is not among": {
        "selections": {"s": {"title": "", "models": ["one"], "baseline": "two"}}
    },
    "grids.g.models: 'two' needs `benchmarks.models.two.base`": {
        "grids": {"g": {"title": "", "models": ["one", "two"], "averages": ["avg"]}}
    },
    "scaling.c.models: 'one' needs `benchmarks.models.one.rows`": {
        "scaling": {"c": {"title": "", "models": ["one", "two"], "averages": ["avg"]}}
    },
    "agreement.a.teacher_results: 'others' is not among": {
        "agreement": {"a": PAIR | {"teacher_results": "others"}}
    },
    "two models or tasks have the label 'bbh'": {"models": {"one": {"label": "bbh"}}},
}  # fmt: skip


@pytest.mark.parametrize(("message", "changes"), WRONG.items(), ids=WRONG)
def test_the_config_is_checked_before_a_run(message, changes):
    with pytest.raises(UserError) as error:
        scores_only(**changes)
    assert f"benchmarks{'.' if ': ' in message.split('`')[0] else ': '}{message}" in str(
        error.value
    )
