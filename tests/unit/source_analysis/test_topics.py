"""Topics planted and found, entropy and divergence against scipy, and their sampling bias."""

from __future__ import annotations

import random

import numpy as np
import polars as pl
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy as scipy_entropy

from manybaskets.config.evaluation import Statistics
from manybaskets.config.evaluation import Topics as Settings
from manybaskets.source_analysis.pairs import PAIRS
from manybaskets.source_analysis.shared_answers import SharedAnswers
from manybaskets.source_analysis.topics import (
    TOPICS,
    Fitted,
    entropy_bits,
    fit_topics,
    jensen_shannon,
    topic_distances,
    topic_table,
)
from manybaskets.statistics.bias import corrected

THEMES = {
    "sea": ["ship", "harbour", "wave", "sailor", "anchor", "tide", "island", "captain"],
    "kitchen": ["bread", "oven", "butter", "flour", "spoon", "recipe", "sugar", "kettle"],
    "stars": ["planet", "orbit", "comet", "telescope", "galaxy", "moon", "eclipse", "rocket"],
}
SETTINGS = Statistics(bootstrap_resamples=300, answer_swaps=199)
MODEL = Settings(topics=3, passes=15, words=200)


def texts_of(seed: int, weights: tuple[float, float, float], count: int = 80) -> list[str]:
    rng = random.Random(seed)
    themes = rng.choices(list(THEMES), weights, k=count)
    return [" ".join(["The", *rng.choices(THEMES[theme], k=15), "and 42"]) for theme in themes]


def answers_of(texts: dict[str, list[str]]) -> SharedAnswers:
    count = len(next(iter(texts.values())))
    ids = [f"{place:03d}-0" for place in range(count)]
    return SharedAnswers(ids, texts, asked=count, shared=count)


ANSWERS = answers_of(
    {
        "even": texts_of(1, (1, 1, 1)),
        "again": texts_of(2, (1, 1, 1)),
        "sailor": texts_of(3, (1, 0, 0)),
    }
)


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return fit_topics(ANSWERS, MODEL, 7)


def test_planted_topics_are_found(fitted):
    assert {frozenset(found[:8]) for found in fitted.words} == {
        frozenset(words) for words in THEMES.values()
    }
    assert "the" not in {word for found in fitted.words for word in found}
    for shares in fitted.shares.values():
        assert shares.sum(axis=1) == pytest.approx(np.ones(80))
    sea = next(place for place, found in enumerate(fitted.words) if "ship" in found[:8])
    assert fitted.shares["sailor"][:, sea].mean() > 0.9
    planted = np.mean(["ship" in t or "wave" in t or "anchor" in t for t in ANSWERS.texts["even"]])
    assert fitted.shares["even"][:, sea].mean() == pytest.approx(planted, abs=0.08)


def test_the_table_has_shares_and_entropies_of_every_source(fitted):
    table = topic_table(fitted, SETTINGS, 7)
    assert table.schema == TOPICS
    shares = table.filter(pl.col("statistic") == "share")
    assert shares.height == 9
    assert shares.group_by("source").agg(pl.col("value").sum())["value"].to_list() == pytest.approx(
        [1.0] * 3
    )
    assert (shares["low"] <= shares["value"]).all() and (shares["value"] <= shares["high"]).all()
    bits = dict(
        table.filter(pl.col("statistic") == "entropy").select("source", "value").iter_rows()
    )
    assert bits["even"] == pytest.approx(np.log2(3), abs=0.12)
    assert bits["sailor"] < 0.5 < bits["again"]
    even = table.filter((pl.col("statistic") == "entropy") & (pl.col("source") == "even"))
    assert even["low"][0] < even["value"][0] <= even["high"][0] <= np.log2(3)


def test_divergence_tells_the_sailor_and_not_the_two_alike(fitted):
    table = topic_distances(fitted, SETTINGS, 7)
    assert table.schema == PAIRS and table.height == 6
    found = table.rows_by_key(["first", "second"], named=True, unique=True)
    alike, apart = found["even", "again"], found["even", "sailor"]
    assert found["again", "even"]["value"] == alike["value"]
    assert alike["low"] == 0 and alike["p"] > 0.01
    assert apart["p"] == pytest.approx(1 / 200)
    assert apart["floor"] < apart["low"] < apart["value"] < apart["high"] < 1
    plain = (
        jensenshannon(
            fitted.shares["even"].mean(axis=0), fitted.shares["sailor"].mean(axis=0), base=2
        )
        ** 2
    )
    assert apart["value"] == pytest.approx(plain, abs=0.02)


def test_the_order_of_sources_changes_nothing(fitted):
    turned = SharedAnswers(
        ANSWERS.prompt_ids, dict(reversed(ANSWERS.texts.items())), ANSWERS.asked, ANSWERS.shared
    )
    again = fit_topics(turned, MODEL, 7)
    assert again.words == fitted.words
    one, two = (
        topic_distances(each, SETTINGS, 7).sort("first", "second") for each in (fitted, again)
    )
    assert one.equals(two)


@pytest.mark.parametrize("seed", range(4))
def test_entropy_and_divergence_equal_scipys(seed: int):
    p, q = np.random.default_rng(seed).dirichlet([0.3] * 6, size=2)
    p[2] = 0.0
    p /= p.sum()
    assert float(entropy_bits(p)) == pytest.approx(scipy_entropy(p, base=2), abs=1e-12)
    assert float(jensen_shannon(p, q)) == pytest.approx(jensenshannon(p, q, base=2) ** 2, abs=1e-9)
    assert float(jensen_shannon(p, p)) == 0.0
    assert float(jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, 1.0]))) == 1.0


def test_the_correction_takes_out_most_of_the_bias_of_chance():
    plain, better = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        shares = {name: rng.dirichlet([0.2] * 5, size=40) for name in ("a", "b")}
        made = Fitted([f"{n:02d}-0" for n in range(40)], shares, [["w"]] * 5, 0)
        row = topic_distances(made, Statistics(bootstrap_resamples=200, answer_swaps=0), seed).row(
            0, named=True
        )
        means = [each.mean(axis=0) for each in shares.values()]
        plain.append(float(jensen_shannon(*means)))
        better.append(row["value"])
        assert row["floor"] is None and row["p"] is None
    assert np.mean(better) < 0.6 * np.mean(plain)


def test_corrected_moves_the_interval_by_twice_the_bias():
    resampled = np.linspace(1.0, 3.0, 101)
    value, low, high = corrected(1.5, resampled, 0.9)
    assert (value, low, high) == pytest.approx((1.0, 0.1, 1.9))
    assert corrected(1.5, resampled, 0.9, smallest=0.5)[1] == 0.5


def test_answers_without_a_word_of_the_model_are_left_out():
    texts = {name: list(each) for name, each in ANSWERS.texts.items()}
    texts["even"][5] = "…"
    texts["again"][9] = "the and of 42"
    found = fit_topics(answers_of(texts), MODEL, 7)
    assert found.excluded == 2
    assert not {"005-0", "009-0"} & set(found.prompt_ids)
    assert {len(each) for each in found.shares.values()} == {78}


def test_other_scripts_are_words_too():
    russian = ["корабль", "море", "волна", "якорь", "остров", "капитан", "прилив", "гавань"]
    rng = random.Random(4)
    texts = {
        "one": [" ".join(rng.choices(russian, k=9)) for _ in range(30)],
        "two": [" ".join(rng.choices(THEMES["kitchen"], k=9)) for _ in range(30)],
    }
    found = fit_topics(answers_of(texts), Settings(topics=2, passes=10, words=50), 1)
    assert {frozenset(each[:8]) for each in found.words} == {
        frozenset(russian),
        frozenset(THEMES["kitchen"]),
    }


@pytest.mark.parametrize("texts", [["…", "!"], ["the", "and"], []])
def test_nothing_to_fit_gives_empty_tables(texts: list[str]):
    found = fit_topics(answers_of({"a": texts, "b": texts}), MODEL, 7)
    assert found is None
    assert topic_table(found, SETTINGS, 7).schema == TOPICS
    assert topic_distances(found, SETTINGS, 7).height == 0


def test_one_source_has_topics_and_no_distances():
    found = fit_topics(answers_of({"even": ANSWERS.texts["even"]}), MODEL, 7)
    assert topic_table(found, SETTINGS, 7).height == 4
    assert topic_distances(found, SETTINGS, 7).height == 0
