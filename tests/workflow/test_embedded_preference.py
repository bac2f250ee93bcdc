"""The embedded study's judges: every question is asked, and that they cannot judge is seen and said."""

from __future__ import annotations

import html
import json

import polars as pl
import pytest

from manybaskets.experiments.preference.schemas import READINGS, own_of
from manybaskets.records.writing import read_metadata

MIXES = ("human", "single-llama", "multi")
JUDGES = {"vanilla": [0]} | dict.fromkeys(MIXES, [1, 2, 3])
ARTICLES, AUTHORS = 12, 6


@pytest.fixture(scope="module")
def readings(finished) -> pl.DataFrame:
    files = [
        finished.path(f"preference/readings/llama/{mix}/seed{seed}.parquet")
        for mix, seeds in JUDGES.items()
        for seed in seeds
    ]
    frame = pl.concat([pl.read_parquet(file) for file in files])
    assert frame.schema == READINGS
    return frame


def test_every_judge_is_asked_everything_and_every_row_says_who_was_asked(readings):
    pairs = readings.filter(protocol="pairwise", variant="corrected")
    counts = {(mix, seed): rows for mix, seed, rows in pairs.group_by("mix", "seed").len().rows()}
    forms = 2 * 2 * ARTICLES
    tuned, guests = AUTHORS * (AUTHORS + 1) // 2, 9 * AUTHORS
    assert counts.pop(("vanilla", 0)) == forms * (AUTHORS * (AUTHORS - 1) // 2 + guests)
    assert counts == {(mix, seed): forms * tuned for mix in MIXES for seed in (1, 2, 3)}
    assert readings.filter(pl.col("mix") != "vanilla")["adapter"].null_count() == 0
    assert readings["adapter"].n_unique() == 10  # nine, and none
    named = set(readings.filter(mix="vanilla")["first"])
    assert {own_of(mix, seed) for mix in MIXES for seed in (1, 2, 3)} < named


def test_all_was_read_but_the_same_text_twice_and_nothing_is_no_number(readings):
    corrected = readings.filter(variant="corrected")
    same = corrected.filter(pl.col("status") != "read")
    assert set(same["status"]) <= {"identical"} and same.height < 0.05 * corrected.height
    own = pl.col("first").str.starts_with("own") | pl.col("second").str.starts_with("own")
    assert same.filter(~own).is_empty()
    for column in ("z_first", "mass", "expected", "nll_first"):
        assert not readings[column].is_nan().any()
    assert readings["mass"].is_between(0, 1).all()


def test_the_same_text_has_the_same_likelihood_whoever_it_stands_beside(readings):
    once = readings.filter(protocol="pairwise", variant="corrected").group_by(
        "mix", "seed", "article_id", "first"
    ).agg(pl.col("nll_first").n_unique())  # fmt: skip
    assert (once["nll_first"] == 1).all()


def test_toy_judges_cannot_judge_and_the_verdict_says_so(finished):
    judged = pl.read_parquet(finished.path("statistics/preference.parquet"))
    corrected = judged.filter(variant="corrected")
    assert corrected.height and corrected["verdict"].str.starts_with("not interpretable").all()
    told = pl.read_parquet(finished.path("statistics/preference-discrimination.parquet"))
    assert told.filter((pl.col("low") > 0.5) | (pl.col("high") < 0.45)).is_empty()


def test_the_report_says_it_in_words(finished):
    """Before the numbers, and in the experiment's own part."""
    text = html.unescape(finished.path("report.html").read_text())
    assert "4 of 4 judges cannot be interpreted" in text
    assert "no conclusion is drawn from it" in text
    assert "the effect of the training data's origin on self-preference is not assessed" in text


def test_summaries_know_who_wrote_them(finished):
    own = read_metadata(finished.path("preference/own/llama/multi/seed2.parquet"))
    assert own["who"] == "summaries/llama/multi/2" and own["adapter"]
    texts = pl.read_parquet(finished.path("preference/texts.parquet"))
    assert texts.height == ARTICLES * (AUTHORS + 9)
    counts = json.loads(finished.path("preference/articles.json").read_text())
    assert counts["used"] == ARTICLES


def test_a_second_run_has_nothing_to_do(finished):
    assert finished.planned("preference") == {}
