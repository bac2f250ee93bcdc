"""Biases at equal quality and length: planted sizes, verdicts, and slopes as other libraries have them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from planted_designs import DESIGNS, FAIR, OWN_BETTER, Design, simulate
from planted_judges import ROLES, Corpus, Planted, Script

from manybaskets.config.evaluation import Statistics
from manybaskets.experiments.preference import verdicts
from manybaskets.experiments.preference.analysis import preference_statistics
from manybaskets.experiments.preference.biases import asked_of
from manybaskets.experiments.preference.equal_quality import ONE_GOLD, TOO_DIFFERENT
from manybaskets.experiments.preference.findings import preference_findings
from manybaskets.experiments.preference.quality_model import NO_AGREEMENT, NO_LENGTHS, common_scale
from manybaskets.experiments.preference.readings import checked, judges
from manybaskets.experiments.preference.shared_texts import texts_in_common

SETTINGS = Statistics(bootstrap_resamples=199, sign_flips=199)
FAST = [
    "own better, 3 × as sharp",
    "bias .5, own better, .3 × as sharp",
    "own better and longer, likes length",
    "gold dislikes the text",
    "one of two golds dislikes it",
    "bias 1, golds err alike",
    "bias 1, own worse, two golds",
    "bias 1, t(2.5) tails",
    "bias 1, three trainings",
    "own better, opinions of all",
    "prefers brief humans",
]


@pytest.mark.parametrize("name", FAST)
def test_planted_judges_get_the_right_verdict_and_their_size(name):
    """One study of each kind; `benchmarks/planted_judges.py` has many."""
    design = DESIGNS[name]
    verdict, line = simulate(design, 1, SETTINGS)
    assert verdict in design.right
    assert line["low"] <= design.truth <= line["high"]


def test_a_bias_is_reported_in_units_of_the_judge():
    design = Design(Planted(quality=0.5, self_bias=1.0, place=2.5), 1.0, {verdicts.SELF},
                    Corpus(articles=150))  # fmt: skip
    _, line = simulate(design, 3, SETTINGS)
    assert line["sharpness"] == pytest.approx(0.5, rel=0.1)
    assert line["sharpness_low"] < 0.5 < line["sharpness_high"]
    # The sd of quality is .5, so that its sd in the judge's log-odds is .25.
    assert line["in_sds"] == pytest.approx(line["value"] / 0.25, rel=0.15)
    ends = (1 / (1 + np.exp(-(line["value"] + sign * 2.5))) for sign in (1, -1))
    assert line["change"] == pytest.approx(np.mean(list(ends)) - 0.5, abs=0.005)
    assert line["raw"] == pytest.approx(line["value"] + line["by_quality"] + line["by_length"])


def test_parts_of_a_preference_are_those_that_were_planted():
    corpus = Corpus(articles=150, good={"llama": 0.8}, words=DESIGNS[FAST[2]].corpus.words)
    _, line = simulate(Design(Planted(quality=2.0, length=1.0), 0.0, set(), corpus), 2, SETTINGS)
    assert line["by_quality"] == pytest.approx(1.6, abs=0.2)
    assert line["by_length"] == pytest.approx(np.log(1.8), abs=0.2)
    assert line["low"] < 0 < line["high"]


def test_a_taste_for_length_that_gold_shares_is_length_all_the_same():
    corpus = Corpus(articles=150, words=DESIGNS[FAST[2]].corpus.words)
    both = Planted(length=1.0)
    verdict, line = simulate(Design(both, 0.0, set(), corpus, golds=(both,)), 2, SETTINGS)
    assert verdict == verdicts.BY_LENGTH
    assert line["by_length"] == pytest.approx(np.log(1.8), abs=0.2)


def test_judges_without_a_common_quality_are_not_compared():
    verdict, line = simulate(
        Design(Planted(self_bias=1.0, quality=0.02, noise=1.0), 1.0, set()), 1, SETTINGS
    )
    assert line["value"] is None and line["limit"] == NO_AGREEMENT
    assert "not interpretable" in verdict or verdict.startswith(verdicts.NOT_SEPARABLE)


def test_sharpness_that_differs_too_much_is_said():
    design = Design(Planted(quality=20.0, self_bias=1.0), 1.0, set(), Corpus(articles=100))
    verdict, line = simulate(design, 1, SETTINGS)
    assert line["value"] is None
    assert verdict == f"{verdicts.NOT_SEPARABLE}: {TOO_DIFFERENT}"


def test_lengths_that_do_not_vary_cannot_be_taken_out():
    corpus = Corpus(words=DESIGNS[FAST[2]].corpus.words, words_spread=0.0)
    _, line = simulate(Design(FAIR, 0.0, set(), corpus), 1, SETTINGS)
    assert line["limit"] == NO_LENGTHS
    alike = Corpus(words_spread=0.0)
    _, line = simulate(Design(FAIR, 0.0, set(), alike), 1, SETTINGS)
    assert line["limit"] is None and line["by_length"] == 0.0


def test_slopes_are_those_of_least_squares_with_dummies():
    """Without reading noise the flat slope is that of judge on gold, the steep one its inverse."""
    import statsmodels.api as sm

    script = Script(Corpus(articles=80), np.random.default_rng(5))
    readings = pl.concat([
        script.read(Planted(quality=1.7, length=0.6, opinion=0.3, noise=0.0)),
        script.read(Planted(opinion=0.3, noise=0.0), "gold", target="olmo", mine=()),
    ])  # fmt: skip
    judge, gold = (
        next(each for each in judges(checked(readings)) if each.target == name)
        for name in ("llama", "olmo")
    )
    (asked,) = asked_of(judge, ROLES)
    texts = texts_in_common(judge, asked, ["llama"], [gold], ROLES.scale)
    found = common_scale(texts, ["olmo"])
    y, x, words = (
        values[0][:, 1:].ravel()
        for values in (texts.judge.values, texts.golds["olmo"].values, texts.words)
    )
    article, author = np.divmod(np.arange(len(y)), 3)
    dummies = [article[:, None] == np.arange(80), author[:, None] == np.arange(1, 3)]
    design = np.column_stack([x, words, *dummies]).astype(float)
    assert found.sharpness_flat.mean() == pytest.approx(sm.OLS(y, design).fit().params[0])
    inverse = np.column_stack([y, words, *dummies]).astype(float)
    assert found.sharpness_steep.mean() == pytest.approx(1 / sm.OLS(x, inverse).fit().params[0])
    # The spread of jackknife values is the standard error with articles as clusters.
    robust = sm.OLS(y, design).fit(cov_type="cluster", cov_kwds={"groups": article})
    error = found.sharpness_flat.std(ddof=1) / np.sqrt(80)
    assert error == pytest.approx(robust.bse[0], rel=0.25)


def test_other_models_that_are_gold_judges_are_left_out():
    script = Script(Corpus(), np.random.default_rng(5))
    readings = pl.concat([
        script.read(Planted(self_bias=1.0)),
        script.read(Planted(self_bias=2.0), "gold", target="qwen", mine=("qwen",)),
    ])  # fmt: skip
    frames = preference_statistics(readings, ROLES, SETTINGS, 1)
    line = frames["preference-equal-quality"].row(0, named=True)
    assert line["low"] < 1.0 < line["high"] and line["high"] - line["low"] < 0.3


def test_tests_of_the_bias_are_in_the_family():
    from statsmodels.stats.multitest import multipletests

    script = Script(Corpus(articles=20), np.random.default_rng(5))
    readings = pl.concat(
        [script.read(Planted()), script.read(FAIR, "gold", target="olmo", mine=())]
    )
    frames = preference_statistics(readings, ROLES, SETTINGS, 1)
    raw, holm = [], []
    for name in ("preference-estimates", "preference-equal-quality"):
        for key in ("p", "p_equivalent"):
            told = frames[name].drop_nulls(key)
            raw += told[key].to_list()
            holm += told[f"{key}_holm"].to_list()
    assert len(raw) == 8
    assert holm == pytest.approx(list(multipletests(raw, method="holm")[1]))


def test_without_gold_no_preference_is_no_proof_of_no_bias():
    script = Script(Corpus(articles=300), np.random.default_rng(5))
    frames = preference_statistics(script.read(Planted()), ROLES, SETTINGS, 1)
    assert frames["preference"]["verdict"][0] == verdicts.NO_PREFERENCE
    assert "their quality may hide one" in "\n".join(preference_findings(frames, 0.95))


def test_the_report_says_it_at_equal_quality():
    def told(judge: Planted, corpus: Corpus, gold: Planted = FAIR) -> str:
        script = Script(corpus, np.random.default_rng(5))
        readings = [script.read(judge), script.read(gold, "gold", target="olmo", mine=("llama",))]
        frames = preference_statistics(pl.concat(readings), ROLES, SETTINGS, 1)
        return "\n".join(preference_findings(frames, 0.95))

    better = Corpus(good=OWN_BETTER)
    text = told(Planted(quality=2.0), better)
    assert (
        "prefers the base model's text, as do independent judges: it may simply be better" in text
    )
    assert "times as sharp as the independent judges" in text
    assert (
        "dislikes the base model's text, as do independent judges: it may simply be worse"
        in told(FAIR, replace(better, good={"llama": -1.0}))
    )
    text = told(FAIR, Corpus(), Planted(self_bias=-0.7))
    assert f"quality and self cannot be separated: {ONE_GOLD}" in text
