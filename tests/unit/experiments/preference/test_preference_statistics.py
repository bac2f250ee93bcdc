"""Estimates, tests and tables of self-preference, against independent libraries."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from planted_judges import AUTHORS, ROLES, WORDS, Corpus, Planted, Script
from rule_tables import rule_tables

from manybaskets.config.evaluation import Statistics
from manybaskets.experiments.preference.analysis import preference_statistics
from manybaskets.experiments.preference.biases import ratio
from manybaskets.experiments.preference.estimates import Clusters, equivalence_p
from manybaskets.experiments.preference.length_control import (
    AT_ONE,
    AT_ONE_LIKELY,
    EQUAL,
    LIKELIHOOD,
    RAW,
)
from manybaskets.experiments.preference.length_control import WORDS as SLOPE
from manybaskets.experiments.preference.readings import checked
from manybaskets.experiments.preference.roles import Roles
from manybaskets.experiments.preference.tables import RULE
from manybaskets.presentation.table_forms import write_all

SETTINGS = Statistics(bootstrap_resamples=999, sign_flips=499)
MODELS = "self against models"


def study(articles: int = 40, single: Planted | None = None, seeds=(1, 2, 3)) -> pl.DataFrame:
    """Vanilla, single (its own texts beside the base model's) and multi, and an independent judge."""
    script = Script(Corpus(articles=articles), np.random.default_rng(11))
    for name in ("own", *(f"own:single:{seed}" for seed in seeds)):
        script.write(name)
    for seed in seeds:  # what the run wrote, in the readings of others
        for texts in (script.good, script.words):
            texts[f"own:single:{seed}"] = texts["own"]
    own = [f"own:single:{seed}" for seed in seeds]
    single = single or Planted(self_bias=0.8, trainings=0.05)
    return pl.concat(
        [
            script.read(Planted(self_bias=0.2), authors=[*AUTHORS, *own], mine=("llama", *own)),
            script.read(single, "single", seeds, authors=[*AUTHORS, "own"]),
            script.read(Planted(self_bias=0.1), "multi", seeds[:2]),
            script.read(Planted(), "gold", target="olmo", mine=(), authors=[*AUTHORS, *own]),
        ]
    )


@pytest.fixture(scope="module")
def found():
    return preference_statistics(study(), ROLES, SETTINGS, 1)


def test_length_is_taken_out_as_least_squares_with_clusters_does():
    import statsmodels.api as sm

    rng = np.random.default_rng(4)
    script = Script(Corpus(articles=120, words=WORDS | {"llama": 160.0}), rng)
    readings = script.read(Planted(self_bias=0.7, length=1.5))
    nll = {name: rng.normal(2.0, 0.3, 120) for name in AUTHORS}
    likely = pl.DataFrame(
        [(f"a{place:05}-0", name, nll[name][place]) for name in AUTHORS for place in range(120)],
        schema=["article_id", "author", "nll"], orient="row",
    )  # fmt: skip
    for side in ("first", "second"):
        readings = (
            readings.drop(f"nll_{side}")
            .join(likely.rename({"author": side, "nll": f"nll_{side}"}),
                  on=["article_id", side], how="left", maintain_order="left")
            .select(readings.columns)
        )  # fmt: skip
    lengths = preference_statistics(readings, ROLES, SETTINGS, 1)["preference-length"].filter(
        pl.col("contrast") == MODELS, pl.col("protocol") == "pairwise"
    )
    told = {row["statistic"]: row for row in lengths.iter_rows(named=True)}

    rows = readings.filter(pl.col("protocol") == "pairwise").with_columns(
        l=pl.col("z_first") - pl.col("z_second")
    )
    ours = pl.concat(
        rows.filter(
            pl.col(one) == "llama", pl.col(other).is_in(["qwen", "gemma", "mistral"])
        ).select(
            "article_id",
            pl.col(other).alias("other"),
            (pl.col("l") if one == "first" else -pl.col("l")).alias("l"),
            (pl.col(f"words_{one}") / pl.col(f"words_{other}")).log().alias("x"),
            (pl.col(f"nll_{other}") - pl.col(f"nll_{one}")).alias("likely"),
        )
        for one, other in (("first", "second"), ("second", "first"))
    )
    pairs = ours.group_by("article_id", "other").mean().sort("article_id", "other")
    groups = {"groups": pairs["article_id"].rank("dense").to_numpy()}
    for covariates, names in (
        (["x"], {AT_ONE: 0, SLOPE: 1}),
        (["x", "likely"], {AT_ONE_LIKELY: 0, LIKELIHOOD: 2}),
    ):
        design = sm.add_constant(pairs.select(covariates).to_numpy())
        fit = sm.OLS(pairs["l"].to_numpy(), design).fit(cov_type="cluster", cov_kwds=groups)
        for name, place in names.items():
            assert told[name]["value"] == pytest.approx(fit.params[place])
            half = (told[name]["high"] - told[name]["low"]) / 2
            assert half == pytest.approx(1.96 * fit.bse[place], rel=0.15)
    assert told[RAW]["value"] == pytest.approx(pairs["l"].mean())
    near = pairs.filter(pl.col("x").abs() <= np.log(1.1) + 1e-9)
    assert told[EQUAL]["value"] == pytest.approx(near["l"].mean())
    assert told[EQUAL]["n_pairs"] == near.height
    assert told[AT_ONE]["low"] < 0.7 < told[AT_ONE]["high"]


def test_texts_of_one_length_leave_nothing_to_take_out():
    readings = Script(Corpus(articles=10), np.random.default_rng(4)).read(Planted())
    alike = readings.with_columns(
        words_first=pl.lit(50, dtype=pl.Int32), words_second=pl.lit(50, dtype=pl.Int32)
    )
    lengths = preference_statistics(alike, ROLES, SETTINGS, 1)["preference-length"]
    told = lengths.filter(pl.col("statistic") == AT_ONE)
    assert told["value"].to_list() == [None] * told.height
    assert all(text.startswith("undefined") for text in told["method"])


def test_equivalence_is_that_of_two_one_sided_t_tests():
    from statsmodels.stats.weightstats import DescrStatsW

    values = np.random.default_rng(2).normal(0.02, 0.2, 80)
    mean = Clusters([f"a{place}-0" for place in range(80)]).mean(values[None], ("t", "m"))
    for margin in (0.01, 0.05, 0.2):
        expected = DescrStatsW(values).ttost_mean(-margin, margin)[0]
        assert equivalence_p(mean, margin) == pytest.approx(expected)


def test_no_spread_is_no_certainty():
    mean = Clusters([f"a{place}-0" for place in range(19)]).mean(np.zeros((1, 19)), ("t", "m"))
    assert equivalence_p(mean, 0.05) == pytest.approx(1 / 20)


def test_a_ratio_spreads_as_its_linearisation():
    rng = np.random.default_rng(3)
    below = rng.integers(1, 5, (1, 400)).astype(float)
    top = below * rng.random((1, 400))
    values = ratio(top, below, np.ones(400, dtype=bool))
    theta = top.sum() / below.sum()
    assert values.mean() == pytest.approx(theta)
    drawn = [
        top[0, each].sum() / below[0, each].sum() for each in rng.integers(0, 400, (2000, 400))
    ]
    assert values.std() / 20 == pytest.approx(np.std(drawn), rel=0.1)


def test_holm_covers_every_reported_test(found):
    from statsmodels.stats.multitest import multipletests

    both, compared = ("preference-estimates", "preference-equal-quality"), "preference-comparisons"
    columns = [("p", name) for name in (*both, compared)] + [
        ("p_equivalent", name) for name in both
    ]
    raw = [p for column, name in columns for p in found[name][column]]
    holm = [p for column, name in columns for p in found[name][f"{column}_holm"]]
    tested = [place for place, p in enumerate(raw) if p is not None]
    expected = multipletests([raw[place] for place in tested], method="holm")[1]
    assert [holm[place] for place in tested] == pytest.approx(list(expected))
    assert len(tested) > 15
    shown = found["preference"]
    for column in ("p", "p_holm", "p_equivalent_holm"):
        assert set(shown[column].drop_nulls()) <= {*raw, *holm}


def test_the_smallest_p_can_decide_in_a_large_family(found):
    size = found["preference-estimates"]["p"].count() + found["preference-comparisons"]["p"].count()
    (flips,) = {
        int(text.split("; ")[1].split()[0]) for text in found["preference-comparisons"]["method"]
    }
    assert size / (1 + flips) < 0.05


def test_own_text_and_base_text_are_conditions_apart(found):
    rows = found["preference"].filter(pl.col("mix") == "single", pl.col("protocol") == "pairwise")
    assert rows["self"].to_list() == ["base", "own"]
    base, own = rows.iter_rows(named=True)
    assert base["spb"] > 0.1 and own["spb"] > 0.1 and base["spb"] != own["spb"]
    assert own["did"] is not None  # gold judges read the run's texts, too
    statistics = found["preference-estimates"].filter(pl.col("self") == "own")["statistic"]
    assert "own text against base model's" in statistics.to_list()


def test_a_judge_without_training_is_set_beside_the_run_on_the_same_texts(found):
    rows = found["preference-comparisons"].filter(
        pl.col("texts") == "the run's own text, for both", pl.col("protocol") == "pairwise"
    )
    (row,) = rows.iter_rows(named=True)
    assert (row["mix"], row["against"]) == ("single", "vanilla")
    # Planted: .8 of the run and .2 of the untuned target, on a scale of log-odds.
    assert 0.05 < row["value"] < 0.25


def test_differences_between_judges_are_paired_by_article(found):
    rows = found["preference-comparisons"].filter(
        pl.col("texts") == "same texts", pl.col("protocol") == "pairwise"
    )
    spb = {
        row["mix"]: row["spb"]
        for row in found["preference"]
        .filter(pl.col("self") == "base", pl.col("protocol") == "pairwise")
        .iter_rows(named=True)
    }
    assert set(rows.select("mix", "against").rows()) == set(ROLES.pairs)
    for row in rows.iter_rows(named=True):
        assert row["value"] == pytest.approx(spb[row["mix"]] - spb[row["against"]])
    first = rows.row(0, named=True)
    alone = found["preference"].filter(pl.col("self") == "base", pl.col("mix") == "single")
    width = alone["high"][0] - alone["low"][0]
    assert first["high"] - first["low"] < 1.5 * width


def test_few_trainings_are_flagged(found):
    flags = dict(found["preference"].select("mix", "flag").iter_rows())
    assert flags == {"vanilla": None, "single": None, "multi": "fewer than 3 training seeds"}
    compared = found["preference-comparisons"].select("mix", "against", "flag").rows()
    assert {(mix, against) for mix, against, flag in compared if flag} == {
        ("multi", "vanilla"),
        ("single", "multi"),
    }


def test_taught_and_held_out_opponents_stand_apart(found):
    rows = found["preference-estimates"].filter(
        pl.col("statistic").str.contains("families"), pl.col("unit") == "log-odds"
    )
    told = {(row["mix"], row["statistic"]): row["note"] for row in rows.iter_rows(named=True)}
    assert told["multi", "self against taught families"] == "against qwen, gemma"
    assert told["multi", "self against held-out families"] == "against mistral"
    assert ("vanilla", "self against taught families") not in told


def test_no_number_mixes_targets():
    """The rows of a target are the same, Holm's p apart, whether another target is there or not."""
    roles = Roles(
        selves={"llama": "llama", "qwen": "qwen"}, models=ROLES.models, mixes=ROLES.mixes,
        taught=ROLES.taught, held_out=ROLES.held_out, pairs=ROLES.pairs,
    )  # fmt: skip
    mine = study(20)
    other = (
        Script(Corpus(articles=20), np.random.default_rng(1))
        .read(Planted(self_bias=2.0), "single", (1, 2, 3), target="qwen", mine=("qwen",))
    )  # fmt: skip
    alone = preference_statistics(mine, roles, SETTINGS, 1)
    both = preference_statistics(pl.concat([mine, other]), roles, SETTINGS, 1)
    for name, table in alone.items():
        of_llama = both[name].filter(pl.col("target") != "qwen")
        corrected = [c for c in table.columns if c.endswith("_holm") or c in ("p", "method")]
        same = table.drop(*corrected, "verdict", strict=False)
        assert same.equals(of_llama.drop(*corrected, "verdict", strict=False)), name


def test_gold_judges_have_rows_for_the_panel_of_every_target():
    roles = Roles(
        selves={"llama": "llama", "qwen": "qwen"}, models=ROLES.models, mixes=["vanilla"],
        panels={"llama": ["llama", "gemma"], "qwen": ["qwen", "mistral"]},
    )  # fmt: skip
    script = Script(Corpus(articles=10), np.random.default_rng(1))
    readings = [script.read(Planted(), "gold", target="olmo", mine=())]
    for target in roles.selves:
        authors = [*roles.panels[target], "human"]
        readings.append(script.read(Planted(), target=target, mine=(target,), authors=authors))
    frame = preference_statistics(pl.concat(readings), roles, SETTINGS, 1)["preference-matrix"]
    of_gold = frame.filter(pl.col("mix") == "gold", pl.col("opponent").is_null())
    assert set(of_gold.select("panel", "author").rows()) == {
        (target, author) for target, panel in roles.panels.items() for author in [*panel, "human"]
    }
    of_one = of_gold.filter(pl.col("panel") == "llama", pl.col("protocol") == "pairwise")
    assert of_one["value"].sum() == pytest.approx(1.5)  # three authors, without those of the other


def test_length_stands_wherever_the_bias_for_models_is_printed(found):
    keys = ["target", "mix", "variant", "protocol", "self"]
    printed = set(found["preference"].select(keys).rows())
    assert printed == set(found["preference-length"].select(keys).rows())
    assert found["preference"]["words"].null_count() == 0


def test_every_table_is_written_in_all_forms(found, tmp_path):
    made = rule_tables(RULE, found)
    assert set(made) == set(found)
    for name, table in made.items():
        paths = write_all(table.frame, tmp_path / name, table.caption)
        assert all(path.stat().st_size for path in paths)
    csv = pl.read_csv(tmp_path / "preference.csv")
    assert csv["spb"].to_list() == pytest.approx(found["preference"]["spb"].to_list())
    text = (tmp_path / "preference.md").read_text()
    assert "over models" in text and "self-preference" in text and "fewer than 3" in text


def test_tables_of_excluded_readings_may_be_empty(tmp_path):
    readings = Script(Corpus(articles=8), np.random.default_rng(4)).read(Planted())
    made = rule_tables(RULE, preference_statistics(checked(readings), ROLES, SETTINGS, 1))
    write_all(made["preference-excluded"].frame, tmp_path / "x", "nothing")
    assert made["preference-excluded"].frame.is_empty()
