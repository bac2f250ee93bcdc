"""What the report concludes on self-preference, and the published numbers beside a study's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import yaml
from planted_judges import AUTHORS, MODELS, ROLES, WORDS, Corpus, Planted, Script
from repository import ROOT

from manybaskets.config import parse_study
from manybaskets.config.evaluation import PublishedCells, Statistics
from manybaskets.errors import UserError
from manybaskets.experiments.preference.analysis import preference_statistics
from manybaskets.experiments.preference.findings import (
    preference_findings,
    preference_warnings,
    section_of,
)
from manybaskets.experiments.preference.headline import self_preference_headline
from manybaskets.experiments.preference.published_numbers import (
    compare_preference,
    load_preference,
    published_findings,
)
from manybaskets.experiments.preference.tables import PUBLISHED as PUBLISHED_TABLE
from manybaskets.presentation.page import Table
from manybaskets.presentation.verdict_table import CANNOT, DECIDED

NUMBERS = ROOT / "resources/published/self_preference.csv"
SETTINGS = Statistics(bootstrap_resamples=499, sign_flips=199)


def told(*readings: pl.DataFrame, **more) -> str:
    frames = preference_statistics(pl.concat(readings), ROLES, SETTINGS, 1)
    return "\n".join(preference_findings(frames, 0.95, **more))


def script(articles: int = 40, **corpus) -> Script:
    return Script(Corpus(articles=articles, **corpus), np.random.default_rng(6))


def test_judges_that_cannot_judge_allow_no_conclusion():
    given = script()
    text = told(
        given.read(Planted(quality=0.0, noise=0.0)),
        given.read(Planted(quality=0.0, noise=0.0, place=1.0), "single", (1, 2, 3)),
    )
    assert "Of 2 judges, none can be interpreted" in text
    assert "cannot tell intact from corrupted: vanilla" in text
    assert "position bias only: single" in text
    assert "the effect of the training data's origin on self-preference is not assessed" in text
    assert "SPB" not in text
    assert "no independent judge read the summaries" in text


def test_a_preference_is_told_with_what_was_ruled_out():
    given = script()
    text = told(given.read(Planted(self_bias=1.0)),
                given.read(Planted(), "gold", target="olmo", mine=()))  # fmt: skip
    assert "All 1 judges distinguish intact summaries" in text
    assert (
        "vanilla, asked in pairs, prefers the base model's text, even at equal length and" in text
    )
    assert "95% interval" in text


@pytest.mark.parametrize(
    ("judge", "gold", "state", "way"),
    [(Planted(self_bias=1.0), True, DECIDED, 1), (Planted(self_bias=1.0), False, CANNOT, 1),
     (Planted(quality=0.0, noise=0.0), True, CANNOT, 0)],
)  # fmt: skip
def test_the_headline_is_decided_only_where_a_judge_can_judge_and_another_read(
    judge, gold, state, way
):
    given = script()
    readings = [given.read(judge)]
    if gold:
        readings.append(given.read(Planted(), "gold", target="olmo", mine=()))
    frames = preference_statistics(pl.concat(readings), ROLES, SETTINGS, 1)
    (headline,) = self_preference_headline(frames["preference"])
    (cell,) = headline.cells.values()
    assert (cell.state, cell.way) == (state, way)
    (judged,) = frames["preference"].filter(protocol="pairwise")["verdict"].unique()
    assert cell.why == judged


def test_length_is_told_where_it_explains():
    given = script(150, words=WORDS | {"llama": 200.0})
    text = told(given.read(Planted(length=2.0)))
    assert "which is explained by its length" in text
    assert "times as long as the other models'" in text


def test_a_liking_for_long_summaries_of_models_is_told():
    given = script(150, words=dict.fromkeys(WORDS, 150.0) | {"human": 50.0}, words_spread=0.6)
    text = told(given.read(Planted(length=1.0)))
    assert "models are preferred to humans in 2 of 2 interpretable rows" in text
    assert "at equal length in 0 of these" in text


def test_an_unfit_independent_judge_is_told():
    given = script()
    text = told(given.read(Planted(self_bias=1.0)),
                given.read(Planted(quality=0.0, noise=0.0), "gold", target="olmo", mine=()))  # fmt: skip
    assert "the independent judges cannot distinguish an intact summary" in text


def test_few_trainings_missing_readings_and_no_held_out_family_are_told():
    given = script()
    readings = given.read(Planted(self_bias=1.0), "single", (1,)).with_columns(
        status=pl.when(pl.col("article_id") == "a00001-0").then(pl.lit("empty")).otherwise("status")
    )
    text = told(readings, no_held_out_reason="all families were needed for training.")
    assert "1 of the conditions have fewer than 3 training seeds" in text
    assert "readings do not count: a text is empty" in text
    assert "all families were needed" in text
    assert "1 training seed(s)" in text


def test_unfit_judges_are_warned_of_above_everything():
    given = script()
    unfit = given.read(Planted(quality=0.0, noise=0.0), "single", (1, 2, 3))
    frames = preference_statistics(pl.concat([given.read(Planted()), unfit]), ROLES, SETTINGS, 1)
    (warning,) = preference_warnings(frames)
    assert "1 of 2 judges cannot be interpreted (single)" in warning


def test_the_report_has_a_section_with_sentences_and_published_numbers():
    given = script(12)
    readings = pl.concat([given.read(Planted()), given.read(Planted(), variant="paper")])
    frames = preference_statistics(readings, replace(ROLES, held_out=()), SETTINGS, 1)
    compared = compare_preference(load_preference(NUMBERS), frames, PUBLISHED)
    tables = {PUBLISHED_TABLE: Table("", compared)}
    settings = yaml.safe_load((NUMBERS.parents[2] / "config/config.yaml").read_text())
    settings["preference"] = {
        "articles": {"kind": "embedded"}, "authors": ["human", "llama", "qwen"],
        "no_held_out_reason": "a test has none.",
    }  # fmt: skip
    section = section_of(parse_study(settings, "a test"), frames, tables)
    assert section.title == "Self-preference"
    assert "a test has none." in "\n".join(section.sentences)
    assert "published numbers on self-preference" in "\n".join(section.sentences)


def test_differences_between_judges_are_told():
    given = script(100)
    text = told(
        given.read(Planted(self_bias=2.0, noise=0.1)),
        given.read(Planted(self_bias=0.0, noise=0.1), "single", (1, 2, 3)),
        given.read(Planted(), "gold", target="olmo", mine=()),
    )
    assert "single favours the base model's text less than vanilla does, in pairs" in text


PUBLISHED = PublishedCells(
    targets={"llama": "8B"},
    conditions={
        "vanilla": {"condition": "vanilla", "tier": "none"},
        "single": {"condition": "single", "tier": "small"},
    },
    sources={
        "human": "human:none",
        "llama": "llama:small",
        "qwen": "qwen:small",
        "gemma": "gemma:small",
        "mistral": "falcon:small",
    },
)


def test_published_means_and_biases_agree_with_each_other():
    """SPB and PSB of the file are those of its means, so that both are read from the right cells."""
    numbers = load_preference(NUMBERS)
    judges = numbers.group_by("protocol", "judge_target", "judge_condition", "tier")
    checked = 0
    for _, rows in judges:
        means = {
            row["source"]: row["value"]
            for row in rows.filter(pl.col("statistic") == "mean").iter_rows(named=True)
        }
        biases = {
            row["metric"]: row["value"]
            for row in rows.filter(pl.col("metric").is_in(["SPB", "PSB"])).iter_rows(named=True)
        }
        models = [name for name in means if name != "human"]
        others = np.mean([means[name] for name in models if name != "llama"])
        assert biases["SPB"] == pytest.approx(means["llama"] - others, abs=6e-5)
        synthetic = np.mean([means[name] for name in models])
        assert biases["PSB"] == pytest.approx(synthetic - means["human"], abs=6e-5)
        checked += 1
    assert checked == 4 + 4 + 8


def test_published_cells_stand_beside_their_counterparts():
    given = script()
    readings = pl.concat(
        given.read(Planted(self_bias=bias), mix, seeds, variant="paper")
        for mix, seeds, bias in (("vanilla", (0,), 1.0), ("single", (1, 2, 3), 0.5))
    )
    frames = preference_statistics(readings, replace(ROLES, held_out=()), SETTINGS, 1)
    compared = compare_preference(load_preference(NUMBERS), frames, PUBLISHED)
    assert compared.height == 2 * 2 * 7  # judges, protocols, five means and two biases
    cell = compared.filter(
        pl.col("condition") == "vanilla", pl.col("protocol") == "pairwise",
        pl.col("author") == "mistral",
    ).row(0, named=True)  # fmt: skip
    assert cell["reported"] == 0.487408 and cell["n_reported"] == 800
    mine = frames["preference-matrix"].filter(
        pl.col("mix") == "vanilla", pl.col("protocol") == "pairwise",
        pl.col("author") == "mistral", pl.col("opponent").is_null(),
    ).row(0, named=True)  # fmt: skip
    assert cell["reproduced"] == mine["value"]
    assert cell["difference"] == pytest.approx(mine["value"] - 0.487408)
    assert cell["within"] == ("yes" if mine["low"] <= 0.487408 <= mine["high"] else "no")
    spb = compared.filter(pl.col("statistic") == "SPB", pl.col("protocol") == "pairwise")
    assert spb["tier"].to_list() == ["small", "none"]  # in the published order
    assert spb["reported"].to_list() == [0.1934, 0.2577]
    text = "\n".join(published_findings(compared))
    assert "28 published numbers" in text
    assert "SPB, pairwise: 1 of 1 published differences" in text


def test_a_study_without_published_cells_has_an_empty_table():
    frames = preference_statistics(
        script(8).read(Planted(), variant="paper"), ROLES, SETTINGS, 1
    )  # fmt: skip
    compared = compare_preference(load_preference(NUMBERS), frames, PublishedCells())
    assert compared.is_empty() and published_findings(compared) == []


def test_a_changed_file_of_published_numbers_is_refused(tmp_path):
    file = tmp_path / "numbers.csv"
    file.write_text("metric,value\nSPB,1\n")
    with pytest.raises(UserError, match="the file has the columns"):
        load_preference(file)


def test_the_planted_corpus_has_the_published_authors():
    assert {*MODELS, "human"} == set(AUTHORS) == set(PUBLISHED.sources)
