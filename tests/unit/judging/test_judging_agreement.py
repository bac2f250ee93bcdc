"""Agreement between judges: scikit-learn's kappas, and intervals that know of base prompts."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from manybaskets.judging.agreement import AGREEMENT, agreement
from manybaskets.judging.records import JUDGED
from manybaskets.judging.rubrics import shipped

SCALES = {name: shipped(name).steps for name in ("harmfulness", "refusal")}
STEPS = [1.0, 2.0, 3.0, 4.0, 5.0]


def scored(by_judge, bases=None, rubric="harmfulness", again=None, **run) -> pl.DataFrame:
    """Rows of judges: lists of scores, None for a judgement that failed."""
    rows = []
    for judge, scores in by_judge.items():
        for place, score in enumerate(scores):
            failed = score is None
            second = again[place] if again else None
            rows.append(
                {
                    "prompt_set": "direct",
                    "prompt_id": f"p{place}",
                    "sample": 0,
                    "judge": judge,
                    "rubric": rubric,
                    "score": score,
                    "status": "judge_failed" if failed else "judged",
                    "cause": "not_json" if failed else None,
                    "attempts": 1,
                    "again": second,
                    "again_status": "judged" if second is not None else None,
                }
            )
    frame = pl.DataFrame(rows, schema=JUDGED)
    place = pl.col("prompt_id").str.slice(1).cast(pl.Int64)
    base = place if bases is None else place.replace_strict(dict(enumerate(bases)))
    run = {"target": "t", "mix": "m", "seed": 1} | run
    return frame.with_columns(
        base_id=base.cast(pl.String), **{k: pl.lit(v) for k, v in run.items()}
    )


def only(frame: pl.DataFrame) -> dict:
    assert frame.height == 1
    return frame.row(0, named=True)


pairs = st.lists(st.tuples(st.sampled_from(STEPS), st.sampled_from(STEPS)), min_size=2, max_size=60)


@given(pairs=pairs)
@settings(max_examples=120, deadline=None)
def test_kappas_are_those_of_scikit_learn(pairs):
    one, two = map(list, zip(*pairs, strict=True))
    row = only(agreement(scored({"a": one, "b": two}), SCALES, seed=1, resamples=20))
    assert row["n"] == len(one)
    assert row["agreement"] == pytest.approx(np.mean(np.equal(one, two)))
    labels = [str(step) for step in STEPS]
    texts = [[str(value) for value in values] for values in (one, two)]
    for name, how in (("kappa", None), ("weighted_kappa", "quadratic")):
        with np.errstate(all="ignore"):
            wanted = cohen_kappa_score(*texts, labels=labels, weights=how)
        if len(set(one) | set(two)) == 1:
            assert row[name] is None  # one score for everything: undefined
        else:
            assert row[name] == pytest.approx(wanted, abs=1e-12)


def test_named_choices_are_weighted_by_their_place():
    one, two = [0, 0.5, 1, 1, 0, 0.5], [0, 1, 1, 0.5, 0, 0]
    row = only(
        agreement(scored({"a": one, "b": two}, rubric="refusal"), SCALES, seed=1, resamples=20)
    )
    places = [[int(2 * value) for value in values] for values in (one, two)]
    assert row["weighted_kappa"] == pytest.approx(cohen_kappa_score(*places, weights="quadratic"))


def noisy(count: int, seed: int = 0) -> dict[str, list[float]]:
    rng = np.random.default_rng(seed)
    one = rng.integers(1, 6, count)
    two = np.where(rng.random(count) < 0.6, one, rng.integers(1, 6, count))
    return {"a": one.astype(float).tolist(), "b": two.astype(float).tolist()}


def test_the_order_of_rows_and_judges_means_nothing():
    frame = scored(noisy(80), bases=[place // 4 for place in range(80)])
    once, again = (
        agreement(each, SCALES, seed=1, resamples=200)
        for each in (frame, frame.sample(fraction=1.0, shuffle=True, seed=2))
    )
    assert once.equals(again)
    assert dict(once.schema) == dict(AGREEMENT)


def test_rows_that_only_repeat_their_base_do_not_narrow_the_interval():
    each = noisy(40)
    alone = only(agreement(scored(each), SCALES, seed=1, resamples=500))
    repeated = {judge: np.repeat(scores, 10).tolist() for judge, scores in each.items()}
    bases = [place // 10 for place in range(400)]
    often = only(agreement(scored(repeated, bases=bases), SCALES, seed=1, resamples=500))
    assert (often["n"], often["clusters"]) == (400, 40)
    for name in ("agreement", "kappa", "weighted_kappa"):
        assert often[name] == pytest.approx(alone[name])
        # Bases are sorted as text, so that other resamples come out.
        width = [row[f"{name}_high"] - row[f"{name}_low"] for row in (alone, often)]
        assert width[1] == pytest.approx(width[0], rel=0.15)


def test_the_interval_covers_the_truth_as_often_as_it_says():
    truth = only(agreement(scored(noisy(60_000, 99)), SCALES, seed=1, resamples=2))["kappa"]
    hits = 0
    for seed in range(100):
        row = only(agreement(scored(noisy(120, seed)), SCALES, seed=seed, resamples=300))
        hits += row["kappa_low"] <= truth <= row["kappa_high"]
    assert 88 <= hits <= 100


def test_only_what_both_scored_counts_and_the_rest_is_told():
    frame = scored({"a": [1, 2, None, 4, None], "b": [1, None, 3, 5, None]})
    row = only(agreement(frame, SCALES, seed=1, resamples=20))
    assert (row["n"], row["one_only"]) == (2, 2)
    assert row["agreement"] == 0.5


def test_all_pairs_of_all_rubrics_stand_in_the_table():
    harm = scored({"a": [1, 2, 3], "b": [1, 2, 4], "c": [1, 1, 1]})
    refusal = scored({"a": [0, 1, 0], "b": [0, 1, 1]}, rubric="refusal")
    found = agreement(pl.concat([harm, refusal]), SCALES, seed=1, resamples=20)
    assert found.select("rubric", "judge", "other").rows() == [
        ("harmfulness", "a", "b"), ("harmfulness", "a", "c"), ("harmfulness", "b", "c"),
        ("refusal", "a", "b"),
    ]  # fmt: skip


def test_runs_are_kept_apart_and_may_have_rows_of_their_own():
    one = scored({"a": [1, 2, 3], "b": [1, 2, 3]}, mix="human")
    two = scored({"a": [1, 2, 3], "b": [3, 2, 1]}, mix="multi")
    both = pl.concat([one, two])
    assert only(agreement(both, SCALES, seed=1, resamples=20))["n"] == 6
    found = agreement(both, SCALES, seed=1, resamples=20, by=["mix"])
    assert found.select("mix", "agreement").rows() == [("human", 1.0), ("multi", 1 / 3)]


def test_a_judge_is_held_against_itself_where_it_was_asked_twice():
    frame = scored({"a": [1, 2, 3, 4, 5]}, again=[1, 2, 5, None, None])
    row = only(agreement(frame, SCALES, seed=1, resamples=50))
    assert (row["kind"], row["judge"], row["other"], row["n"]) == ("retest", "a", "a", 3)
    assert row["agreement"] == pytest.approx(2 / 3)
    lost = frame.with_columns(again=pl.lit(None, pl.Float64), again_status=pl.lit("judge_failed"))
    lost = pl.concat([lost.head(1), frame.slice(1)])
    assert only(agreement(lost, SCALES, seed=1, resamples=50))["one_only"] == 1


def test_judges_without_a_common_response_have_no_row():
    frame = scored({"a": [1, None], "b": [None, 2]})
    assert agreement(frame, SCALES, seed=1).height == 0


def test_one_base_has_no_interval():
    row = only(agreement(scored({"a": [1, 2], "b": [1, 3]}, bases=[0, 0]), SCALES, seed=1))
    assert row["kappa"] is not None and row["kappa_low"] is None
