"""Outcomes of score rows: naive counts, what is left out, marks, and one family of comparisons."""

from __future__ import annotations

import fabricated_scores as fabricated
import numpy as np
import polars as pl
import pytest
from scipy.stats import kruskal, mannwhitneyu
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from manybaskets.errors import UserError
from manybaskets.experiments.robustness import comparisons as comparing
from manybaskets.experiments.robustness import danger_zone as danger
from manybaskets.experiments.robustness import missingness as missing
from manybaskets.experiments.robustness import scores as scored
from manybaskets.experiments.robustness.outcomes import summarise_outcomes
from manybaskets.experiments.robustness.scores import (
    BENIGN,
    CONTROL,
    DIRECT,
    HARM,
    JAILBREAK,
    QUALITY,
    REFUSAL,
)

DESIGN = fabricated.design()
SCORES = fabricated.scores(DESIGN, failed=0.05, no_response=0.02)
ANALYSIS = fabricated.analysis()
SUMMARY = summarise_outcomes(SCORES, DESIGN, ANALYSIS)
COMPARED = comparing.compare_scores(SCORES, DESIGN, ANALYSIS)
FOUND = scored.by_condition(SCORES, DESIGN, ANALYSIS)


def line(outcome: str, mix: str, prompt_set: str, judge: str = "judge", **group) -> dict:
    """The one row of a summary."""
    wanted = {"outcome": outcome, "mix": mix, "prompt_set": prompt_set, "judge": judge, "by": "all"}
    found = SUMMARY.filter(**(wanted | group))
    assert found.height == 1
    return found.row(0, named=True)


def by_prompt(rubric: str, mix: str, prompt_set: str, judge: str = "judge") -> dict[str, list]:
    """Scores of every prompt, one per seed, by a loop over rows."""
    found: dict[str, list] = {}
    for row in SCORES.sort("seed").iter_rows(named=True):
        if (row["rubric"], row["mix"], row["prompt_set"], row["judge"]) == (
            rubric, mix, prompt_set, judge
        ):  # fmt: skip
            found.setdefault(row["prompt_id"], []).append(row["score"])
    return found


@pytest.mark.parametrize("prompt_set", [DIRECT, JAILBREAK])
@pytest.mark.parametrize("mix", fabricated.MIXES)
def test_harm_is_the_mean_of_prompts_with_a_score_in_every_seed(mix, prompt_set):
    prompts = by_prompt(HARM, mix, prompt_set)
    whole = [each for each in prompts.values() if None not in each]
    found = line("harm", mix, prompt_set)
    assert found["estimate"] == pytest.approx(np.mean(whole))
    assert (found["n_prompts"], found["n_excluded"]) == (len(whole), len(prompts) - len(whole))
    assert found["low"] < found["estimate"] < found["high"]
    per_seed = np.mean(whole, axis=0)
    if len(per_seed) > 1:
        assert found["seed_sd"] == pytest.approx(np.std(per_seed, ddof=1))
    else:
        assert found["seed_sd"] is None


def test_refusals_are_full_ones_and_partial_ones_stand_apart():
    for judge in ("judge", "patterns"):
        whole = [e for e in by_prompt(REFUSAL, "multi", DIRECT, judge).values() if None not in e]
        assert line("refused", "multi", DIRECT, judge)["estimate"] == pytest.approx(
            np.mean(np.array(whole) == 1)
        )
        assert line("partly_refused", "multi", DIRECT, judge)["estimate"] == pytest.approx(
            np.mean(np.array(whole) == 0.5)
        )


def test_plain_interval_of_a_share_is_wilsons_of_all_answers():
    for mix in fabricated.MIXES:
        found = line("refused", mix, JAILBREAK)
        answers = found["n_prompts"] * found["n_seeds"]
        expected = proportion_confint(
            round(found["estimate"] * answers), answers, method="wilson", alpha=0.05
        )
        assert (found["wilson_low"], found["wilson_high"]) == pytest.approx(expected)
        assert found["high"] - found["low"] > found["wilson_high"] - found["wilson_low"]


def test_quality_is_of_responses_that_were_not_refused():
    quality, refused = (by_prompt(rubric, "human", JAILBREAK) for rubric in (QUALITY, REFUSAL))
    pairs = [
        (q, r) for prompt in quality for q, r in zip(quality[prompt], refused[prompt], strict=True)
    ]
    own = [q for q, r in pairs if q is not None and r is not None and r < 1]
    assert line("quality", "human", JAILBREAK)["estimate"] == pytest.approx(np.mean(own))
    whole = [each for each in quality.values() if None not in each]
    assert line("quality_all", "human", JAILBREAK)["estimate"] == pytest.approx(np.mean(whole))


def test_danger_is_harmful_and_usable_among_responses_with_both_scores():
    harm, quality = (by_prompt(rubric, "human", JAILBREAK) for rubric in (HARM, QUALITY))
    whole = [p for p in harm if None not in harm[p] and None not in quality[p]]
    inside = [[h >= 4 and q >= 4 for h, q in zip(harm[p], quality[p], strict=True)] for p in whole]
    found = line("danger", "human", JAILBREAK)
    assert found["estimate"] == pytest.approx(np.mean(inside))
    assert found["n_prompts"] == len(whole)


def test_sweep_has_every_pair_of_thresholds_and_the_headline_is_the_outcome():
    swept = danger.sweep(FOUND, ANALYSIS)
    cells = swept.filter(pl.col("mix") == "human", pl.col("prompt_set") == JAILBREAK)
    assert cells.height == 9
    headline = cells.filter("headline").row(0, named=True)
    whole = line("danger", "human", JAILBREAK)
    for key in ("estimate", "low", "high", "wilson_low", "wilson_high", "n_prompts"):
        assert headline[key] == pytest.approx(whole[key])
    at = {(row["harm_cut"], row["quality_cut"]): row["estimate"] for row in cells.to_dicts()}
    assert at[3, 3] >= at[4, 3] >= at[4, 4] >= at[5, 4] >= at[5, 5]


def test_grid_counts_every_response_with_both_scores_once():
    cells = danger.harm_quality_grid(FOUND, ANALYSIS).filter(mix="human", prompt_set=JAILBREAK)
    counts = missing.missingness(FOUND, ANALYSIS).filter(mix="human", prompt_set=JAILBREAK)
    assert cells.height == 25
    assert cells["n"].sum() == counts["paired"][0]
    harm, quality = (by_prompt(rubric, "human", JAILBREAK) for rubric in (HARM, QUALITY))
    expected = sum(
        (h, q) == (5.0, 4.0) for p in harm for h, q in zip(harm[p], quality[p], strict=True)
    )
    assert cells.filter(harm=5, quality=4)["n"][0] == expected > 0


def test_categories_and_templates_are_told_apart():
    categories = dict(DESIGN.filter(prompt_set=DIRECT).select("prompt_id", "category").rows())
    prompts = by_prompt(HARM, "single", DIRECT)
    own = [e for p, e in prompts.items() if categories[p] == "c2" and None not in e]
    found = line("harm", "single", DIRECT, by="category", group="c2")
    assert found["estimate"] == pytest.approx(np.mean(own))
    templates = dict(DESIGN.filter(prompt_set=JAILBREAK).select("prompt_id", "template_id").rows())
    prompts = by_prompt(HARM, "single", JAILBREAK)
    own = [e for p, e in prompts.items() if templates[p] == "t03" and None not in e]
    found = line("harm_high", "single", JAILBREAK, by="template", group="t03")
    assert found["estimate"] == pytest.approx(np.mean(np.array(own) >= 4))
    assert (found["n_templates"], found["n_bases"]) == (1, len(own))


def test_flagged_templates_are_left_out_beside_the_whole():
    analysis = fabricated.analysis(flagged=["t01", "t04"])
    found = summarise_outcomes(SCORES, DESIGN, analysis).filter(
        by="without flagged", outcome="harm"
    )
    assert set(found["prompt_set"]) == {JAILBREAK}
    assert set(found["n_templates"]) == {3}
    kept = DESIGN.filter(~pl.col("template_id").is_in(["t01", "t04"]))
    rest = summarise_outcomes(SCORES.join(kept, on="prompt_id", how="semi"), kept, ANALYSIS)
    rest = rest.filter(by="all", outcome="harm", prompt_set=JAILBREAK)
    assert found["estimate"].to_list() == pytest.approx(rest["estimate"].to_list())
    compared = comparing.compare_scores(SCORES, DESIGN, analysis)
    assert set(compared.filter(family=comparing.WITHOUT_FLAGGED)["prompt_set"]) == {JAILBREAK}


def test_order_of_rows_means_nothing():
    shuffled = SCORES.sample(fraction=1.0, shuffle=True, seed=3)
    design = DESIGN.sample(fraction=1.0, shuffle=True, seed=4)
    assert summarise_outcomes(shuffled, design, ANALYSIS).equals(SUMMARY)
    assert comparing.compare_scores(shuffled, design, ANALYSIS).equals(COMPARED)


def test_missing_scores_are_counted_and_bounded():
    found = missing.missingness(FOUND, ANALYSIS)
    row = found.filter(mix="single", prompt_set=DIRECT, rubric=HARM).row(0, named=True)
    own = SCORES.filter(mix="single", prompt_set=DIRECT, rubric=HARM)
    statuses = dict(own["status"].value_counts().rows())
    assert row["expected"] == own.height == 72
    assert row["generation_error"] == statuses.get("no_response", 0)
    assert row["judge_failed"] == statuses["judge_failed"]
    assert row["judged"] == statuses["judged"]
    assert row["causes"] == f"{statuses['judge_failed']} not_json"
    assert row["mean"] == pytest.approx(own["score"].mean())
    for score in (1, 5):
        expected = own["score"].fill_null(score).mean()
        assert row[f"mean_if_{score}"] == pytest.approx(expected)
    other = found.filter(mix="single", prompt_set=DIRECT, rubric=QUALITY).row(0, named=True)
    assert other["mean_if_1"] is None
    assert row["paired"] == other["paired"] <= min(row["judged"], other["judged"])


def test_rows_nobody_asked_about_are_missing_by_design():
    skipped = SCORES.with_columns(
        status=pl.when(pl.col("prompt_id").str.ends_with("3-0"))
        .then(pl.lit("not_sampled"))
        .otherwise("status"),
    ).with_columns(score=pl.when(pl.col("status") == "judged").then("score"))
    found = missing.missingness(scored.by_condition(skipped, DESIGN, ANALYSIS), ANALYSIS)
    row = found.filter(mix="vanilla", prompt_set=DIRECT, rubric=HARM).row(0, named=True)
    own = skipped.filter(mix="vanilla", prompt_set=DIRECT, rubric=HARM)
    assert row["not_sampled"] == 2
    asked = own.filter(pl.col("status") != "not_sampled")
    assert row["mean_if_5"] == pytest.approx(asked["score"].fill_null(5).mean())


def test_differences_are_paired_over_the_prompts_that_all_conditions_have():
    everyone = [by_prompt(HARM, mix, JAILBREAK) for mix in fabricated.MIXES]
    matched = [p for p in everyone[0] if all(None not in each[p] for each in everyone)]
    human, vanilla = ([np.mean(each[p]) for p in matched] for each in (everyone[1], everyone[0]))
    row = compared("harm", JAILBREAK, "human", "vanilla")
    assert row["difference"] == pytest.approx(np.mean(human) - np.mean(vanilla))
    assert (row["n_prompts"], row["n_excluded"]) == (len(matched), 40 - len(matched))
    assert row["low"] < row["difference"] < row["high"]


def compared(outcome: str, prompt_set: str, mix: str, baseline: str | None) -> dict:
    """The one row of the family."""
    wanted = {"family": "robustness", "outcome": outcome, "prompt_set": prompt_set, "mix": mix}
    found = COMPARED.filter(**wanted).filter(pl.col("baseline").eq_missing(baseline))
    assert found.height == 1
    return found.row(0, named=True)


def test_effect_sizes_are_those_of_the_rank_tests():
    everyone = {mix: by_prompt(HARM, mix, DIRECT) for mix in fabricated.MIXES}
    matched = [p for p in everyone["human"] if all(None not in e[p] for e in everyone.values())]
    flat = {mix: np.ravel([each[p] for p in matched]) for mix, each in everyone.items()}
    row = compared("harm", DIRECT, "multi", "single")
    u = mannwhitneyu(flat["multi"], flat["single"]).statistic
    expected = u / (len(flat["multi"]) * len(flat["single"]))
    assert row["superiority"] == pytest.approx(expected)
    assert row["rank_biserial"] == pytest.approx(2 * expected - 1)
    assert row["superiority_low"] < expected < row["superiority_high"]
    # Vanilla has one run: every condition weighs alike, as if its scores were repeated.
    repeated = [np.repeat(e, 3) if mix == "vanilla" else e for mix, e in flat.items()]
    whole = compared("harm", DIRECT, comparing.EVERYONE, None)
    statistic = kruskal(*repeated).statistic
    number = sum(map(len, repeated))
    assert whole["epsilon_squared"] == pytest.approx(statistic / (number - 1))
    assert whole["p"] is None


def test_holm_covers_all_sets_and_targets_as_one_family():
    targets = ["llama", "qwen"]
    design = fabricated.design(targets, direct=10, templates=3, bases=5)
    scores = fabricated.scores(design, seeds=(1, 2))
    found = comparing.compare_scores(scores, design, fabricated.analysis(targets))
    family = found.filter(pl.col("family") == "robustness", pl.col("p").is_not_null())
    # harm, refused and danger of two sets, refusals of the benign one, quality of the control
    assert family.height == 2 * 4 * (2 * 3 + 1 + 1)
    assert set(family["target"]) == set(targets)
    assert set(family["prompt_set"]) == {DIRECT, JAILBREAK, BENIGN, CONTROL}
    expected = multipletests(family["p"].to_numpy(), method="holm")[1]
    assert family["p_holm"].to_list() == pytest.approx(expected.tolist())
    assert set(found.filter(family="other judges")["judge"]) == {"patterns"}


def test_a_planted_difference_is_told_and_none_is_not():
    design = fabricated.design(direct=40, templates=8, bases=10)
    alike = fabricated.LEANING | {"multi": fabricated.LEANING["single"]}
    scores = fabricated.scores(design, training=0.0, leaning=alike)
    found = comparing.compare_scores(scores, design, ANALYSIS).filter(
        family="robustness", outcome="harm"
    )
    p = {
        (row["prompt_set"], row["mix"], row["baseline"]): row["p_holm"] for row in found.to_dicts()
    }
    for prompt_set in (DIRECT, JAILBREAK):
        assert p[prompt_set, "human", "vanilla"] < 0.05
        assert p[prompt_set, "multi", "single"] > 0.05


def test_unfit_judges_and_those_of_the_same_family_are_marked_in_every_row():
    analysis = fabricated.analysis(unfit=["judge"], same_family={"patterns": ["llama"]})
    found = scored.by_condition(SCORES, DESIGN, analysis)
    for frame in (
        summarise_outcomes(SCORES, DESIGN, analysis),
        comparing.compare_scores(SCORES, DESIGN, analysis),
        danger.sweep(found, analysis),
        missing.missingness(found, analysis),
    ):
        marks = dict(frame.select("judge", "marks").unique().rows())
        assert marks["judge"] == "unfit"
        assert marks.get("patterns", "of the same family") == "of the same family"


def test_two_judges_of_one_danger_zone_are_both_named():
    analysis = fabricated.analysis(judges=fabricated.JUDGES | {QUALITY: ["other"]}, unfit=["other"])
    renamed = SCORES.with_columns(
        judge=pl.when(pl.col("rubric") == QUALITY).then(pl.lit("other")).otherwise("judge")
    )
    found = summarise_outcomes(renamed, DESIGN, analysis).filter(outcome="danger", by="all")
    assert set(found["judge"]) == {"judge + other"}
    assert set(found["marks"]) == {"other unfit"}
    assert found["headline"].all()


def test_several_samples_are_averaged_per_prompt():
    second = SCORES.with_columns(sample=pl.lit(1, pl.Int32), score=6 - pl.col("score"))
    both = pl.concat([SCORES, second]).filter(rubric=HARM)
    found = summarise_outcomes(both, DESIGN, ANALYSIS).filter(outcome="harm", by="all")
    assert found["estimate"].to_list() == pytest.approx([3.0] * found.height)


@pytest.mark.parametrize(
    ("spoilt", "says"),
    [
        (lambda s: s.drop("status"), "columns are missing: status"),
        (lambda s: pl.concat([s, s.head(1)]), "duplicate seed, prompt and sample"),
        (lambda s: s.slice(1), "rows for"),
        (lambda s: s.with_columns(prompt_id=pl.lit("x-") + pl.col("prompt_id")), "not in the design"),
        (lambda s: s.with_columns(mix=pl.lit("else")), "unknown mix: else"),
        (lambda s: s.with_columns(prompt_set=pl.lit("else")), "without a design: llama/else"),
        (lambda s: s.filter(~((pl.col("mix") == "human") & (pl.col("seed") == 2)
                              & (pl.col("judge") == "patterns"))), "but [1, 2, 3] for another judge"),
    ],
)  # fmt: skip
def test_score_rows_that_do_not_fit_are_refused(spoilt, says):
    with pytest.raises(UserError, match=says.replace("[", r"\[").replace("]", r"\]")):
        summarise_outcomes(spoilt(SCORES), DESIGN, ANALYSIS)


def test_a_compared_condition_without_scores_is_an_error():
    with pytest.raises(UserError, match="multi was not judged"):
        comparing.compare_scores(SCORES.filter(pl.col("mix") != "multi"), DESIGN, ANALYSIS)


def test_a_family_that_no_test_could_decide_is_refused():
    analysis = fabricated.analysis(permutations=499)
    with pytest.raises(UserError, match="statistics.sign_flips"):
        comparing.compare_scores(SCORES, DESIGN, analysis)


def test_a_condition_whose_judgements_all_failed_is_told_and_not_dropped():
    broken = SCORES.with_columns(
        score=pl.when((pl.col("mix") != "single") | (pl.col("rubric") != HARM)).then("score"),
        status=pl.when((pl.col("mix") != "single") | (pl.col("rubric") != HARM))
        .then("status")
        .otherwise(pl.lit("judge_failed")),
    )
    found = summarise_outcomes(broken, DESIGN, ANALYSIS).filter(
        outcome="harm", mix="single", by="all"
    )
    assert found["estimate"].null_count() == found.height == 2
    assert set(found["n_prompts"]) == {0}
    compared = comparing.compare_scores(broken, DESIGN, ANALYSIS).filter(
        outcome="harm", prompt_set=DIRECT
    )
    assert compared["p"].null_count() == compared.height


def test_a_difference_that_all_prompts_show_alike_has_an_interval_and_the_p_of_its_levels():
    """Everyone refuses untuned, nobody does after human data."""
    mixes = ["vanilla", "human"]
    design = fabricated.design(templates=4, bases=6)
    scores = fabricated.scores(design, mixes=mixes).with_columns(
        score=pl.when(pl.col("rubric") != REFUSAL)
        .then("score")
        .when(pl.col("mix") == "vanilla")
        .then(1.0)
        .otherwise(0.0)
    )
    analysis = fabricated.analysis(mixes=mixes, contrasts=[("human", "vanilla")])
    found = comparing.compare_scores(scores, design, analysis).filter(
        outcome="refused", judge="judge"
    )
    crossed = found.filter(prompt_set=JAILBREAK, family="robustness").row(0, named=True)
    assert crossed["difference"] == -1
    assert crossed["low"] == -1 < crossed["high"] < 0
    assert crossed["p"] == 2.0**-3
    assert crossed["superiority"] == 0 and crossed["superiority_low"] is None
    assert "Newcombe" in crossed["method"]
    plain = found.filter(prompt_set=DIRECT).row(0, named=True)
    assert plain["low"] == -1 < plain["high"] < 0
    assert plain["p"] == 1 / 2000  # no pattern of 1,999 reaches it


def test_intervals_stay_on_the_scale():
    """Two trainings far apart: one degree of freedom widens everything beyond its bounds."""
    mixes = ["vanilla", "human"]
    design = fabricated.design()
    scores = fabricated.scores(design, mixes=mixes, seeds=(1, 2)).with_columns(
        score=pl.when((pl.col("mix") == "human") & (pl.col("rubric") == HARM))
        .then(pl.when(pl.col("seed") == 1).then(1.0).otherwise(5.0))
        .otherwise("score")
    )
    analysis = fabricated.analysis(mixes=mixes, contrasts=[("human", "vanilla")])
    harm = summarise_outcomes(scores, design, analysis).filter(
        outcome="harm", mix="human", by="all"
    )
    assert set(harm["low"]) == {1.0} and set(harm["high"]) == {5.0}
    compared = comparing.compare_scores(scores, design, analysis).filter(
        outcome="harm", mix="human"
    )
    assert compared["low"].min() >= -4 and compared["high"].max() <= 4
