"""Judges of known nature are recognised for what they are, and what was planted is found."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from planted_judges import MODELS, ROLES, WORDS, Corpus, Planted, Script

from manybaskets.config.evaluation import Statistics
from manybaskets.experiments.preference import verdicts
from manybaskets.experiments.preference.analysis import preference_statistics
from manybaskets.experiments.preference.biases import DID, DIRECT_MODELS, SPB
from manybaskets.experiments.preference.length_control import AT_ONE, EQUAL, RAW
from manybaskets.experiments.preference.length_control import WORDS as SLOPE
from manybaskets.experiments.preference.schemas import READINGS

SETTINGS = Statistics(bootstrap_resamples=1999, sign_flips=999)


FAIR = Planted()


def results(judge: Planted, corpus: Corpus | None = None, gold: Planted | None = FAIR):
    """Statistics of one judge, and of an independent one of the same texts."""
    script = Script(corpus or Corpus(), np.random.default_rng(7))
    frames = [script.read(judge)]
    if gold:
        frames.append(script.read(gold, "gold", target="olmo", mine=()))
    return preference_statistics(pl.concat(frames), ROLES, SETTINGS, 1)


def row(found, protocol: str = "pairwise") -> dict:
    return found["preference"].filter(pl.col("protocol") == protocol).row(0, named=True)


def estimate(found, statistic: str, unit: str) -> dict:
    wanted = (pl.col("statistic") == statistic) & (pl.col("unit") == unit)
    return found["preference-estimates"].filter(wanted).row(0, named=True)


def test_a_content_blind_judge_looks_unbiased_and_is_not_interpretable():
    found = results(Planted(quality=0.0, noise=0.0))
    judged = row(found)
    means = found["preference-matrix"].filter(
        pl.col("opponent").is_null(), pl.col("protocol") == "pairwise", pl.col("mix") == "vanilla"
    )
    assert means["value"].to_list() == [0.5] * 5
    assert judged["spb"] == 0.0
    assert (judged["accuracy"], judged["accuracy_low"], judged["accuracy_high"]) == (0.5, 0.5, 0.5)
    assert judged["verdict"] == verdicts.BLIND
    assert row(found, "absolute")["verdict"] == verdicts.BLIND


def test_a_judge_that_throws_dice_is_not_interpretable():
    assert row(results(Planted(quality=0.0, noise=1.0)))["verdict"] == verdicts.BLIND


def test_a_judge_of_places_has_its_bias_and_no_preference():
    found = results(Planted(quality=0.0, noise=0.0, place=1.5))
    places = found["preference-position"].filter(pl.col("mix") == "vanilla")
    assert places["markers"].to_list() == ["1/2", "A/B"]
    assert places["value"].to_list() == pytest.approx([1.5, 1.5])
    assert places["consistency"].to_list() == [0.0, 0.0]
    assert places["flip_rate"].to_list() == [1.0, 1.0]
    assert places["first_share"].to_list() == [1.0, 1.0]
    assert row(found)["spb"] == pytest.approx(0.0, abs=1e-12)
    assert row(found)["verdict"] == verdicts.POSITION_ONLY


def test_a_planted_preference_is_found_with_its_size():
    found = results(Planted(self_bias=1.0))
    for statistic in (DIRECT_MODELS, DID):
        told = estimate(found, statistic, "log-odds")
        assert told["low"] < 1.0 < told["high"]
        assert told["high"] - told["low"] < 0.6
    assert row(found)["verdict"] == verdicts.SELF
    assert row(found, "absolute")["verdict"] == verdicts.SELF
    places = found["preference-position"].filter(pl.col("mix") == "vanilla")
    assert (places["low"] < 0).all() and (places["high"] > 0).all()


def test_a_preference_survives_a_strong_place():
    found = results(Planted(self_bias=1.0, place=2.0))
    told = estimate(found, DIRECT_MODELS, "log-odds")
    assert told["low"] < 1.0 < told["high"]


def test_a_lover_of_length_is_told_from_a_lover_of_self():
    found = results(Planted(length=2.0), Corpus(articles=150, words=WORDS | {"llama": 200.0}))
    lengths = found["preference-length"].filter(
        pl.col("contrast") == "self against models", pl.col("protocol") == "pairwise"
    )
    told = {each["statistic"]: each for each in lengths.iter_rows(named=True)}
    assert told[RAW]["low"] < 2 * np.log(2) + 0.1 and told[RAW]["low"] > 1.0
    assert told[AT_ONE]["low"] < 0 < told[AT_ONE]["high"]
    assert told[SLOPE]["low"] < 2.0 < told[SLOPE]["high"]
    assert abs(told[EQUAL]["value"]) < 0.5 and told[EQUAL]["n_pairs"] < told[RAW]["n_pairs"]
    assert told[RAW]["words"] > 1.7 * told[RAW]["other_words"]
    assert row(found)["spb"] > 0.2
    assert row(found)["verdict"] == verdicts.BY_LENGTH
    assert row(found, "absolute")["verdict"] == verdicts.BY_LENGTH


def test_a_lover_of_self_and_of_length_still_loves_itself():
    found = results(
        Planted(self_bias=1.0, length=1.0), Corpus(articles=150, words=WORDS | {"llama": 130.0})
    )
    assert row(found)["verdict"] == verdicts.SELF


def test_better_texts_of_its_own_are_no_self_preference():
    found = results(Planted(), Corpus(good={"llama": 1.0}))
    assert row(found)["spb"] > 0.1
    told = estimate(found, DID, "log-odds")
    assert told["low"] < 0 < told["high"]
    assert row(found)["verdict"] == verdicts.BY_QUALITY


def test_without_an_independent_judge_self_and_quality_are_not_told_apart():
    assert row(results(Planted(self_bias=1.0), gold=None))["verdict"] == verdicts.NO_GOLD


def test_an_independent_judge_that_cannot_tell_anything_is_none():
    found = results(Planted(self_bias=1.0), gold=Planted(quality=0.0))
    assert row(found)["did"] is None
    assert row(found)["verdict"] == verdicts.NO_GOLD


def test_no_bias_is_said_only_where_the_margin_is_met():
    many = results(Planted(), Corpus(articles=300))
    assert row(many)["p_equivalent_holm"] < 0.05
    assert row(many)["verdict"] == verdicts.NONE
    few = results(Planted(), Corpus(articles=12))
    assert row(few)["p_equivalent_holm"] > 0.05
    assert row(few)["verdict"] == verdicts.UNDECIDED


def test_a_judge_that_dislikes_its_own_texts_is_told():
    assert row(results(Planted(self_bias=-1.0)))["verdict"] == verdicts.OTHERS


def test_a_judge_that_answers_with_no_marker_is_not_interpretable():
    found = results(Planted(self_bias=1.0, mass=0.0))
    masses = found["preference-mass"].filter(pl.col("mix") == "vanilla")
    assert masses["n_none"].to_list() == masses["n_readings"].to_list()
    assert masses["low_share"].to_list() == [1.0] * masses.height
    judged = row(found)
    assert judged["n_articles"] == 60 and np.isfinite(
        judged["spb"]
    )  # counted, neither lost nor NaN
    assert judged["verdict"] == verdicts.NO_MASS


def test_no_pairs_of_corrupted_texts_no_interpretation():
    script = Script(Corpus(), np.random.default_rng(3))
    readings = script.read(Planted(self_bias=1.0), corrupted=())
    found = preference_statistics(readings, ROLES, SETTINGS, 1)
    assert row(found)["verdict"] == verdicts.NOT_TESTED


def test_warping_leaves_the_corrected_readout_alone():
    script = Script(Corpus(articles=20), np.random.default_rng(3))
    readings = script.read(Planted(self_bias=1.0))
    warped = readings.with_columns(pi_first=pl.lit(0.9)).cast(READINGS)
    one, other = (preference_statistics(each, ROLES, SETTINGS, 1) for each in (readings, warped))
    assert one["preference"].equals(other["preference"])


@pytest.mark.parametrize("bias", [0.5, 1.5])
def test_planted_sizes_lie_in_their_intervals_in_most_studies(bias):
    """24 studies: fewer than 19 hits of 95 % intervals have a chance below one in a thousand."""
    hits = {DIRECT_MODELS: 0, DID: 0}
    for study in range(24):
        script = Script(Corpus(articles=40), np.random.default_rng(study))
        readings = [
            script.read(Planted(self_bias=bias)),
            script.read(Planted(), "gold", target="olmo", mine=()),
        ]
        found = preference_statistics(pl.concat(readings), ROLES, SETTINGS, study)
        for statistic in hits:
            told = estimate(found, statistic, "log-odds")
            hits[statistic] += told["low"] <= bias <= told["high"]
    assert min(hits.values()) >= 19


def test_the_planted_study_has_all_kinds_of_numbers():
    found = results(Planted(self_bias=1.0))
    statistics = set(found["preference-estimates"]["statistic"])
    assert {SPB, "psb", DID, "equal-opportunity gap", "score above gold's"} <= statistics
    assert set(found["preference-matrix"]["author"]) == {*MODELS, "human"}
