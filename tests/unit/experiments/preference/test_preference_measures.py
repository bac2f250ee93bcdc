"""From readings to what a judge says of a pair: by hand, and every reading that cannot be true."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted_judges import AUTHORS, ROLES, Corpus, Planted, Script

from manybaskets.config.evaluation import Statistics
from manybaskets.errors import UserError
from manybaskets.experiments.preference.analysis import preference_statistics
from manybaskets.experiments.preference.biases import BASE, asked_of, self_and_synthetic
from manybaskets.experiments.preference.instrument_checks import excluded, mass, position_rows
from manybaskets.experiments.preference.readings import checked, judges, marker_pairs
from manybaskets.experiments.preference.roles import LOG_ODDS, POINTS, PROBABILITY, Z
from manybaskets.experiments.preference.schemas import ABSOLUTE, PAIRWISE, READINGS
from manybaskets.experiments.preference.verdicts import NOT_TESTED

SETTINGS = Statistics(bootstrap_resamples=499, sign_flips=199)
NONE_HELD_OUT = replace(ROLES, held_out=())


def reading(first, second, z_first, z_second, markers="A/B", **more) -> dict:
    """One pairwise reading of the article `a-0`."""
    row = dict.fromkeys(READINGS) | {
        "protocol": "pairwise", "variant": "corrected", "target": "llama", "mix": "vanilla",
        "seed": 0, "article_id": "a-0", "first": first, "second": second, "markers": markers,
        "status": "read", "z_first": z_first, "z_second": z_second, "mass": 0.9,
        "words_first": 10, "words_second": 20,
    }  # fmt: skip
    return row | more


def frame(*rows) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=READINGS)


def script(articles: int = 12) -> Script:
    return Script(Corpus(articles=articles), np.random.default_rng(5))


def sigmoid(x: float) -> float:
    return 1 / (1 + np.exp(-x))


def test_log_odds_and_probabilities_are_means_over_markers_and_orders():
    rows = frame(
        reading("llama", "qwen", 2.0, 1.0),
        reading("qwen", "llama", 0.5, 0.0),
        reading("llama", "qwen", 1.0, 1.0, "1/2"),
        reading("qwen", "llama", -1.0, 2.0, "1/2"),
    )
    (judge,) = judges(checked(rows))
    of_llama = [1.0, -0.5, 0.0, 3.0]  # l of every reading, as seen from llama's text
    llama, qwen = judge.place("llama"), judge.place("qwen")
    assert judge.values[LOG_ODDS][0, 0, llama, qwen] == pytest.approx(np.mean(of_llama))
    assert judge.values[LOG_ODDS][0, 0, qwen, llama] == pytest.approx(-np.mean(of_llama))
    expected = np.mean([sigmoid(each) for each in of_llama])
    assert judge.values[PROBABILITY][0, 0, llama, qwen] == pytest.approx(expected)
    assert judge.values[PROBABILITY][0, 0, qwen, llama] == pytest.approx(1 - expected)
    places = position_rows(checked(rows), SETTINGS, 1)
    assert places["markers"].to_list() == ["1/2", "A/B"]
    assert places["value"].to_list() == pytest.approx([(0 - 3) / 2, (1 + 0.5) / 2])
    assert places["consistency"].to_list() == [0.0, 0.0]  # 0 has no sign; 1 and −.5 differ


def test_the_paper_variant_is_the_mean_of_800_warped_values():
    readings = script(100).read(Planted(self_bias=0.5), variant="paper")
    pairs = readings.filter(pl.col("protocol") == PAIRWISE)
    found = preference_statistics(readings, NONE_HELD_OUT, SETTINGS, 1)["preference-matrix"]
    means = found.filter(pl.col("opponent").is_null(), pl.col("protocol") == PAIRWISE)
    total = 0.0
    for author, value in means.select("author", "value").iter_rows():
        first = pairs.filter(pl.col("first") == author)["pi_first"]
        second = 1 - pairs.filter(pl.col("second") == author)["pi_first"]
        values = pl.concat([first, second])
        assert len(values) == 800
        assert value == pytest.approx(values.mean())
        total += value
    assert total == pytest.approx(2.5)


@pytest.mark.parametrize("variant", ["corrected", "paper"])
def test_biases_are_differences_of_means_as_published(variant):
    readings = script().read(Planted(self_bias=0.5), variant=variant)
    found = preference_statistics(readings, NONE_HELD_OUT, SETTINGS, 1)
    for protocol in (PAIRWISE, ABSOLUTE):
        means = dict(
            found["preference-matrix"]
            .filter(pl.col("opponent").is_null(), pl.col("protocol") == protocol)
            .select("author", "value")
            .iter_rows()
        )
        row = found["preference"].filter(pl.col("protocol") == protocol).row(0, named=True)
        others = np.mean([means[name] for name in ("qwen", "gemma", "mistral")])
        models = np.mean([means[name] for name in AUTHORS if name != "human"])
        assert row["spb"] == pytest.approx(means["llama"] - others)
        assert row["psb"] == pytest.approx(models - means["human"])


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.floats(-20, 20), min_size=4, max_size=4),
    st.floats(-30, 30),
)
def test_a_constant_for_the_first_place_moves_the_bias_of_places_alone(logits, constant):
    def read(shift: float):
        return frame(
            reading("llama", "qwen", logits[0] + shift, logits[1]),
            reading("qwen", "llama", logits[2] + shift, logits[3]),
        )

    plain, moved = (marker_pairs(checked(read(shift)), PAIRWISE) for shift in (0.0, constant))
    d = [(each["l_first"] + each["l_second"])[0] for each in (plain, moved)]
    bias = [(each["l_first"] - each["l_second"])[0] / 2 for each in (plain, moved)]
    assert d[0] == pytest.approx(d[1], abs=1e-9)
    assert bias[1] - bias[0] == pytest.approx(constant, abs=1e-9)


def test_the_published_form_has_no_held_out_author():
    readings = script().read(Planted(), variant="paper", authors=["llama", "qwen", "human"])
    found = preference_statistics(readings, replace(ROLES, models=["llama", "qwen", "mistral"]),
                                  SETTINGS, 1)["preference"]  # fmt: skip
    assert found["n_articles"].to_list() == [12, 12]
    assert found["spb"].null_count() == 0


def test_scores_in_standard_deviations_have_mean_0_and_spread_1():
    (judge,) = [
        each for each in judges(checked(script().read(Planted()))) if each.protocol == ABSOLUTE
    ]
    assert judge.scores[Z].mean() == pytest.approx(0)
    assert judge.scores[Z].std() == pytest.approx(1)


def test_a_judge_with_one_score_for_all_has_no_spread_and_no_nan():
    readings = script().read(Planted()).with_columns(
        expected=pl.when(pl.col("protocol") == ABSOLUTE).then(3.0)
    )  # fmt: skip
    (judge,) = [each for each in judges(checked(readings)) if each.protocol == ABSOLUTE]
    assert (judge.scores[Z] == 0).all()


def test_copies_of_rows_leave_everything_as_it_is():
    readings = script().read(Planted(self_bias=0.5))
    once = preference_statistics(readings, ROLES, SETTINGS, 1)
    thrice = preference_statistics(pl.concat([readings] * 3), ROLES, SETTINGS, 1)
    for name, table in once.items():
        assert table.equals(thrice[name]), name


def test_copies_of_articles_are_one_cluster():
    """The same article under another occurrence number is drawn with the first, not beside it."""
    readings = script().read(Planted(self_bias=0.5))
    copies = readings.with_columns(pl.col("article_id").str.replace("-0", "-1"))
    once, twice = (
        preference_statistics(each, ROLES, SETTINGS, 1)["preference"]
        for each in (readings, pl.concat([readings, copies]))
    )
    for name in ("spb", "low", "high", "p"):
        assert once[name].to_list() == pytest.approx(twice[name].to_list())


def test_the_order_of_rows_means_nothing():
    readings = script().read(Planted(self_bias=0.5))
    shuffled = readings.sample(fraction=1.0, shuffle=True, seed=2)
    one, other = (preference_statistics(each, ROLES, SETTINGS, 1) for each in (readings, shuffled))
    for name, table in one.items():
        for column in table.columns:
            values = table[column].to_list(), other[name][column].to_list()
            if table[column].dtype.is_float():
                assert values[0] == pytest.approx(values[1], abs=1e-12), (name, column)
            elif column != "by_seed":
                assert values[0] == values[1], (name, column)


def test_equal_texts_are_a_tie_and_counted():
    readings = script().read(Planted(self_bias=0.5))
    both = pl.col("first").is_in(["llama", "qwen"]) & pl.col("second").is_in(["llama", "qwen"])
    blank = [
        pl.when(both).then(None).otherwise(pl.col(n)).alias(n) for n in ("z_first", "z_second")
    ]
    same = readings.with_columns(
        *blank, status=pl.when(both).then(pl.lit("identical")).otherwise("status")
    )
    judge = next(each for each in judges(checked(same)) if each.protocol == PAIRWISE)
    pair = (slice(None), slice(None), judge.place("llama"), judge.place("qwen"))
    assert (judge.values[PROBABILITY][pair] == 0.5).all()
    assert (judge.values[LOG_ODDS][pair] == 0).all()
    counted = excluded(same)
    assert counted["n"].sum() == 12 * 2 * 2  # articles, orders, markers
    assert set(counted["counted"]) == {"as a tie: both orders ask the same question"}


def test_an_article_without_an_author_does_not_count_and_is_counted():
    readings = script().read(Planted(self_bias=0.5))
    lost = (pl.col("article_id") == "a00003-0") & (
        (pl.col("first") == "gemma") | (pl.col("second") == "gemma")
    )
    status = pl.when(lost).then(pl.lit("missing")).otherwise("status")
    found = preference_statistics(readings.with_columns(status=status), ROLES, SETTINGS, 1)
    row = found["preference"].filter(pl.col("protocol") == PAIRWISE).row(0, named=True)
    assert (row["n_articles"], row["n_excluded"]) == (11, 1)
    without = preference_statistics(
        readings.filter(pl.col("article_id") != "a00003-0"), ROLES, SETTINGS, 1
    )
    assert row["spb"] == pytest.approx(without["preference"]["spb"][0])
    reasons = found["preference-excluded"].filter(pl.col("protocol") == PAIRWISE)
    assert set(reasons["reason"]) == {"an author has no text for this article"}
    assert reasons["n"].sum() == 4 * 2 * 2


def test_a_judge_that_could_read_nothing_is_a_row_without_numbers():
    readings = script().read(Planted())
    blank = [pl.lit(None, dtype=READINGS[n]).alias(n) for n in ("z_first", "z_second", "expected")]
    none = readings.with_columns(*blank, status=pl.lit("too_long"))
    found = preference_statistics(none, ROLES, SETTINGS, 1)
    assert found["preference"]["spb"].to_list() == [None, None]
    assert found["preference"]["n_excluded"].to_list() == [12, 12]
    assert set(found["preference"]["verdict"]) == {NOT_TESTED}
    assert found["preference-excluded"]["n"].sum() == readings.height


def test_a_pair_in_one_order_only_does_not_count_and_is_counted():
    readings = script().read(Planted(place=2.0))
    lost = (
        (pl.col("article_id") == "a00003-0")
        & (pl.col("protocol") == PAIRWISE)
        & (pl.col("first") == "llama")
        & (pl.col("second") == "human")
    )
    found = preference_statistics(readings.filter(~lost), ROLES, SETTINGS, 1)
    row = found["preference"].filter(pl.col("protocol") == PAIRWISE).row(0, named=True)
    assert (row["n_articles"], row["n_excluded"]) == (11, 1)
    assert found["preference-excluded"]["reason"].to_list() == ["one order only was read"]
    assert found["preference-excluded"]["n"].to_list() == [2]  # sets of markers


def test_a_reading_without_surviving_marker_is_a_half_and_counted():
    readings = script().read(Planted(), variant="paper")
    none = pl.col("article_id") == "a00003-0"
    warped = readings.with_columns(
        pi_first=pl.when(~none).then("pi_first"),
        expected=pl.when(~none).then("expected"),
        status=pl.when(none).then(pl.lit("no_marker")).otherwise("status"),
    )
    judge, _ = judges(checked(warped))
    of_article = judge.values[PROBABILITY][0, judge.articles.index("a00003-0")]
    assert (of_article[~np.eye(5, dtype=bool)] == 0.5).all()
    assert sorted(mass(warped, 0.5)["n_none"].to_list()) == [5, 20]
    counted = excluded(warped).group_by("counted").agg(pl.col("n").sum())
    assert dict(counted.rows()) == {
        "as a half: no preference was expressed": 20,
        "not at all": 5,  # a score has no half
    }


def test_every_article_of_an_absolute_judge_is_a_score():
    judge = next(
        each for each in judges(checked(script().read(Planted()))) if each.protocol == ABSOLUTE
    )
    (asked,) = asked_of(judge, ROLES)
    assert asked.label == BASE
    found = self_and_synthetic(judge, asked, POINTS)
    assert found["spb"].shape == (1, 12) and not np.isnan(found["spb"]).any()


GOOD = reading("llama", "qwen", 1.0, 0.0)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([GOOD | {"target": None}], "lack a key column"),
        ([GOOD | {"seed": None}], "lack a key column"),
        ([GOOD | {"protocol": "guess"}], "protocol 'guess'"),
        ([GOOD | {"variant": "better"}], "variant 'better'"),
        ([GOOD | {"status": "error"}], "status 'error'"),
        ([GOOD | {"z_first": None}], "status 'read' but no number"),
        ([GOOD | {"z_first": float("nan")}], "status 'read' but no number"),
        ([GOOD | {"z_first": float("-inf")}], "status 'read' but no number"),
        ([GOOD | {"variant": "paper"}], "status 'read' but no number"),
        ([GOOD | {"protocol": "absolute", "second": None}], "status 'read' but no number"),
        ([GOOD, GOOD | {"z_first": 2.0}], "contradict another row's answer"),
    ],
)
def test_readings_that_cannot_be_are_refused(rows, message):
    with pytest.raises(UserError, match=message):
        checked(frame(*rows))


def test_other_columns_are_refused():
    with pytest.raises(UserError, match="the readings have the columns"):
        checked(frame(GOOD).drop("mix"))
