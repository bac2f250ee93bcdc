"""Blends against the mean of their singles, the best single and the target's own, with planted truth."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import stats
from statistics_rows import QUICK, family, prompt_rows, set_rows

from manybaskets.config.blends import Blend
from manybaskets.statistics import compare
from manybaskets.statistics.blends import (
    BEST_SINGLE,
    BLENDS,
    MEAN_OF_SINGLES,
    OWN,
    compare_blends,
)
from manybaskets.statistics.verdict import verdicts

SINGLES = {"a": 0.25, "b": 0.25, "c": 0.25, "d": 0.25}
LEVELS = {"a": 0.0, "b": 1.0, "c": 2.0, "d": 5.0}
BLEND = {"mixed": Blend(SINGLES, [], {"tiny": "b"})}
TWO = {"mixed": Blend({"a": 0.5, "b": 0.5}, [], {})}


def planted(level: float, *, seeds: int = 3, prompts: int = 200, rng=7, levels=LEVELS):
    """Prompts of unequal difficulty; every training moves its mix a little."""
    draw = np.random.default_rng(rng)
    easy = draw.normal(size=prompts)
    frames = [
        prompt_rows(
            mean + easy + draw.normal(0, 0.05, (seeds, 1)) + draw.normal(0, 0.5, (seeds, prompts)),
            mix,
        )
        for mix, mean in {**levels, "mixed": level}.items()
    ]
    return pl.concat(frames)


def found(rows: pl.DataFrame, directions=None, blend=BLEND, declared=None) -> dict[str, dict]:
    frame = compare_blends(rows, blend, declared or {}, directions or {"m": "higher"}, QUICK, 1)
    assert frame.schema == BLENDS
    frame = frame.with_columns(verdicts(frame))
    return {row["against"]: row for row in frame.iter_rows(named=True)}


def test_an_additive_blend_equals_the_mean_of_its_parts_and_is_below_the_best():
    lines = found(planted(2.0))
    mean, best, own = lines[MEAN_OF_SINGLES], lines[BEST_SINGLE], lines[OWN]
    assert mean["verdict"] == "not distinguished" and abs(mean["difference"]) < 0.2
    assert best["verdict"] == "different" and best["high"] < 0 and best["baseline"] == "d"
    assert own["verdict"] == "different" and own["low"] > 0 and own["baseline"] == "b"


def test_a_synergistic_blend_is_above_its_best_single():
    lines = found(planted(6.0))
    for against in (MEAN_OF_SINGLES, BEST_SINGLE, OWN):
        assert lines[against]["verdict"] == "different" and lines[against]["low"] > 0


def test_a_blend_between_the_mean_and_the_best_is_above_one_and_below_the_other():
    lines = found(planted(3.5))
    assert lines[MEAN_OF_SINGLES]["low"] > 0 and lines[MEAN_OF_SINGLES]["verdict"] == "different"
    assert lines[BEST_SINGLE]["high"] < 0 and lines[BEST_SINGLE]["verdict"] == "different"


def test_where_less_is_better_the_best_single_is_the_lowest():
    lines = found(planted(-1.0), {"m": "lower"})
    best = lines[BEST_SINGLE]
    assert best["baseline"] == "a" and best["high"] < 0 and best["verdict"] == "different"
    assert found(planted(3.0), {"m": "lower"})[BEST_SINGLE]["low"] > 0


def test_the_mean_weighs_parts_by_their_shares_and_is_of_the_blends_own_parts_only():
    rows = planted(1.0, levels=LEVELS | {"elsewhere": 40.0})
    blend = {"mixed": Blend({"b": 0.75, "d": 0.25}, [], {})}
    line = found(rows, blend=blend)[MEAN_OF_SINGLES]
    assert line["baseline"] == "b + d"
    assert line["difference"] == pytest.approx(1.0 - (0.75 * 1 + 0.25 * 5), abs=0.2)


def test_the_mean_of_one_training_agrees_with_a_paired_t_interval():
    rows = planted(2.1, seeds=1)
    line = found(rows)[MEAN_OF_SINGLES]
    wide = rows.pivot(on="mix", index="prompt_id", values="value")
    paired = wide["mixed"] - wide.select(pl.mean_horizontal(*SINGLES)).to_series()
    expected = stats.ttest_1samp(paired.to_numpy(), 0.0).confidence_interval()
    assert line["difference"] == pytest.approx(paired.mean())
    assert (line["low"], line["high"]) == pytest.approx((expected.low, expected.high), abs=0.03)


def test_the_trainings_of_all_parts_widen_the_interval():
    rng = np.random.default_rng(3)
    spread = rng.normal(0, 1.0, (4, 3, 1))
    singles = [
        prompt_rows(np.zeros((3, 80)) + spread[i] + rng.normal(0, 0.1, (3, 80)), mix)
        for i, mix in enumerate(SINGLES)
    ]
    rows = pl.concat([*singles, prompt_rows(rng.normal(0, 0.1, (3, 80)), "mixed")])
    line = found(rows)[MEAN_OF_SINGLES]
    error = spread.mean(axis=0).std(ddof=1) / np.sqrt(3)
    assert line["high"] - line["low"] > 3 * error


def test_measures_of_sets_are_compared_on_the_same_half_samples():
    rng = np.random.default_rng(5)
    shared = rng.normal(0, 1.0, 60)
    frames = [
        set_rows([level] * 3, level + shared + rng.normal(0, 0.01, (3, 60)), mix)
        for mix, level in {"a": 4.0, "b": 6.0, "mixed": 5.0}.items()
    ]
    blend = {"mixed": Blend({"a": 0.5, "b": 0.5}, [], {"tiny": "a"})}
    lines = found(pl.concat(frames), {"s": "higher"}, blend)
    assert lines[MEAN_OF_SINGLES]["difference"] == pytest.approx(0.0)
    assert lines[MEAN_OF_SINGLES]["high"] < 0.05  # the half-samples' common single cancels
    assert lines[MEAN_OF_SINGLES]["n_prompts"] == 50
    assert lines[BEST_SINGLE]["difference"] == pytest.approx(-1.0)
    assert lines[OWN]["difference"] == pytest.approx(1.0)


def test_unequal_numbers_of_trainings_keep_the_mean_of_all():
    rng = np.random.default_rng(8)
    first, second, mixed = rng.normal(size=(5, 30)), rng.normal(size=(2, 30)), np.zeros((3, 30))
    frames = [
        prompt_rows(each, mix) for each, mix in ((first, "a"), (second, "b"), (mixed, "mixed"))
    ]
    line = found(pl.concat(frames), blend=TWO)[MEAN_OF_SINGLES]
    assert line["difference"] == pytest.approx(-(first.mean() + second.mean()) / 2)
    assert line["n_seeds"] == 2


def test_the_trainings_of_singles_count_by_the_squares_of_their_shares():
    """Without variance over prompts: 3 trainings each, of the pooled variance, on 6 degrees."""
    values = {"a": [0.0, 1.0, 2.0], "b": [4.0, 5.5, 7.0], "mixed": [3.0, 4.0, 6.5]}
    rows = pl.concat(
        prompt_rows(np.repeat(np.array(each)[:, None], 40, axis=1), mix)
        for mix, each in values.items()
    )
    line = found(rows, blend={"mixed": Blend({"a": 0.75, "b": 0.25}, [], {})})[MEAN_OF_SINGLES]
    pooled = np.mean([np.var(each, ddof=1) for each in values.values()])
    error = np.sqrt(pooled / 3 * (1 + 0.75**2 + 0.25**2))
    half = stats.t.ppf(0.975, 6) * error
    assert line["difference"] == pytest.approx(4.5 - (0.75 * 1 + 0.25 * 5.5))
    assert (line["high"] - line["low"]) / 2 == pytest.approx(half, rel=0.05)


def test_a_prompt_without_a_value_in_one_training_still_counts():
    values = np.ones((3, 20))
    gap = values.copy()
    gap[1, 4] = np.nan
    frames = [prompt_rows(values, "a"), prompt_rows(gap, "b"), prompt_rows(values + 1, "mixed")]
    line = found(pl.concat(frames), blend=TWO)[MEAN_OF_SINGLES]
    assert line["n_prompts"] == 20 and line["n_excluded"] == 0
    assert line["difference"] == pytest.approx(1.0)


def test_a_prompt_that_a_single_never_answered_is_not_counted_and_moves_nothing():
    """An easy prompt is missing in one single: the mean of the singles does not fall by it."""
    easy = np.repeat(np.linspace(0, 10, 20)[None], 3, axis=0)
    gap = easy.copy()
    gap[:, -1] = np.nan
    frames = [prompt_rows(easy, "a"), prompt_rows(gap, "b"), prompt_rows(easy + 1, "mixed")]
    line = found(pl.concat(frames), blend=TWO)[MEAN_OF_SINGLES]
    assert line["n_prompts"] == 19 and line["n_excluded"] == 1
    assert line["difference"] == pytest.approx(1.0)


def test_a_set_that_is_undefined_in_one_training_of_a_single_has_no_mean():
    frames = [
        set_rows(full, np.ones((3, 20)), mix)
        for mix, full in {"a": [1, 1, np.nan], "b": [1, 1, 1], "mixed": [1, 1, 1]}.items()
    ]
    line = found(pl.concat(frames), {"s": "higher"}, TWO)[MEAN_OF_SINGLES]
    assert line["difference"] is None and line["method"] == "undefined on one of the sets"


def test_the_detectable_difference_is_that_of_the_blends_own_family():
    few = found(planted(2.0))[MEAN_OF_SINGLES]
    rows = planted(2.0)
    many = pl.concat([rows, *(rows.with_columns(measure=pl.lit(name)) for name in ("n", "o"))])
    more = compare_blends(many, BLEND, {}, {"m": "higher"}, QUICK, 1)
    row = more.filter(measure="m", against=MEAN_OF_SINGLES).row(0, named=True)
    assert (few["family_size"], row["family_size"]) == (1, 3)
    assert few["detectable"] > (few["high"] - few["low"]) / 2
    assert row["detectable"] > 1.1 * few["detectable"]


@pytest.mark.parametrize(("direction", "level"), [("higher", 6.0), ("higher", 4.9), ("higher", 2.0),
                                                  ("lower", -1.0), ("lower", 0.1), ("lower", 2.0)])  # fmt: skip
def test_the_best_single_has_the_ends_and_the_p_of_all_singles(direction, level):
    """Hsu's interval of the smallest of four differences, and Berger's tests, from plain comparisons."""
    levels = {"a": 0.0, "b": 0.02, "c": 4.98, "d": 5.0}
    rows = planted(level, levels=levels, prompts=60)
    line = found(rows, {"m": direction})[BEST_SINGLE]
    sign = 1.0 if direction == "higher" else -1.0

    def plain(confidence: float) -> list[tuple[float, float, float, float]]:
        settings = QUICK.model_copy(update={"confidence": confidence})
        frame = compare(rows, family(*SINGLES, baseline="mixed"), settings, 1)
        return [
            (
                -sign * row["difference"],
                *sorted((-sign * row["low"], -sign * row["high"])),
                row["p"],
            )
            for row in frame.iter_rows(named=True)
        ]

    usual, wide = plain(0.95), plain(1 - 0.05 / 4)
    low, high = sorted((sign * line["low"], sign * line["high"]))
    assert low == pytest.approx(min(each[1] for each in usual))
    assert high == pytest.approx(min(each[2] for each in wide))
    assert sign * line["difference"] == pytest.approx(min(each[0] for each in usual))
    above = all(each[0] > 0 for each in usual)
    below = [each[3] for each in usual if each[0] <= 0]
    expected = max(each[3] for each in usual) if above else min(1.0, 4 * min(below))
    assert line["p"] == pytest.approx(expected)


def test_a_mix_trained_once_is_in_no_family():
    rows = pl.concat([planted(6.0).filter(pl.col("mix") != "mixed"),
                      planted(6.0, seeds=1).filter(pl.col("mix") == "mixed")])  # fmt: skip
    lines = found(rows)
    assert {line["n_seeds"] for line in lines.values()} == {1}
    assert all(line["p_holm"] is None and line["verdict"] != "different" for line in lines.values())


def test_a_part_without_a_mix_of_its_own_leaves_no_mean_and_no_best():
    lines = found(planted(2.0), blend={"mixed": Blend({"a": 0.5}, ["z"], {"tiny": "a"})})
    assert set(lines) == {OWN}


def test_only_declared_measures_are_corrected_together():
    rows = planted(2.6)
    other = rows.with_columns(measure=pl.lit("n"))
    frame = compare_blends(pl.concat([rows, other]), BLEND, {"test": ["m"]}, {}, QUICK, 1)
    corrected = frame.filter(pl.col("p_holm").is_not_null())
    assert (
        corrected["measure"].unique().to_list() == ["m"] and (corrected["family_size"] == 1).all()
    )
    assert frame.filter(pl.col("measure") == "n")["p"].null_count() == 0


@pytest.mark.parametrize("level", [5.0, 2.0])
def test_the_best_of_equal_parts_is_not_beaten_by_chance(level):
    """Parts alike: the interval of the difference to the best covers in 95 % of studies or more."""
    levels = dict.fromkeys(SINGLES, level)
    covered = false = 0
    for study in range(40):
        rows = planted(level, prompts=40, rng=100 + study, levels=levels)
        line = found(rows)[BEST_SINGLE]
        covered += line["low"] <= 0 <= line["high"]
        false += line["verdict"] == "different"
    assert covered >= 36 and false <= 2
