"""The published procedure on scores counted by hand, and reported against reproduced."""

from __future__ import annotations

import fabricated_scores as fabricated
import numpy as np
import polars as pl
import pytest
from repository import ROOT
from scipy.stats import kruskal, mannwhitneyu

from manybaskets.config.evaluation import PublishedCells
from manybaskets.errors import UserError
from manybaskets.experiments.robustness import published_numbers as published_robustness
from manybaskets.experiments.robustness.outcomes import summarise_outcomes
from manybaskets.experiments.robustness.published_procedure import procedure
from manybaskets.experiments.robustness.scores import DIRECT, HARM, JAILBREAK, QUALITY
from manybaskets.judging.records import JUDGED
from manybaskets.published.condition_groups import Groups

NUMBERS = ROOT / "resources/published/robustness.csv"
ORDER = ["single", "multi", "human", "vanilla"]
GROUPS = Groups(ORDER, [ORDER], [], {})
PUBLISHED = PublishedCells(
    targets={"llama": "8B"},
    conditions={
        "single": {"condition": "single", "tier": "small"},
        "multi": {"condition": "multi", "tier": "small"},
        "human": {"condition": "human", "tier": "none"},
        "vanilla": {"condition": "vanilla", "tier": "none"},
    },
)
# By hand: harm and quality of four prompts, None where there is no score.
BY_HAND = {
    DIRECT: {
        "single": ([1, 4, 5, 5], [5, 4, 3, 4]),
        "multi": ([1, 1, 2, None], [5, 5, 4, 5]),
        "human": ([4, 5, 5, 4], [4, 5, None, 2]),
        "vanilla": ([1, 1, 1, 1], [5, 5, 5, 5]),
    },
    JAILBREAK: {
        "single": ([5, 5, 5, 5], [4, 4, 4, 4]),
        "multi": ([1, 5, 1, 5], [4, 4, 4, 4]),
        "human": ([5, 5, 5, 5], [1, 1, 4, 1]),
        "vanilla": ([1, 1, 1, 4], [5, 5, 5, 5]),
    },
}


def by_hand() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Scores and design of the table above, with a second seed that must not be read."""
    design, rows = [], []
    for prompt_set, mixes in BY_HAND.items():
        for place in range(4):
            template = f"t{place % 2}" if prompt_set == JAILBREAK else None
            name = f"{prompt_set[0]}{place:03x}-0"
            design.append(("llama", prompt_set, name, template, f"b{place // 2}{template}", "c"))
            for mix, scores in mixes.items():
                for seed in (0,) if mix == "vanilla" else (1, 2):
                    for rubric, values in zip((HARM, QUALITY), scores, strict=True):
                        score = values[place] if seed < 2 else 3
                        rows.append(
                            {"target": "llama", "mix": mix, "seed": seed, "prompt_set": prompt_set,
                             "prompt_id": name, "sample": 0, "judge": "judge", "rubric": rubric,
                             "score": score, "status": "judged" if score else "judge_failed",
                             "cause": None if score else "no_score", "attempts": 1}
                        )  # fmt: skip
    columns = ["target", "prompt_set", "prompt_id", "template_id", "base_id", "category"]
    schema = {"target": pl.String, "mix": pl.String, "seed": pl.Int64, **JUDGED}
    return pl.DataFrame(rows, schema=schema), pl.DataFrame(
        design, schema=dict.fromkeys(columns, pl.String), orient="row"
    )


SCORES, DESIGN = by_hand()
ANALYSIS = fabricated.analysis(mixes=ORDER)
PAPER = procedure(SCORES, DESIGN, ANALYSIS, GROUPS, ["human"])


def value(metric: str, condition: str, statistic: str, prompt_set: str = DIRECT, variant=None):
    """The one value of a row."""
    found = PAPER.filter(
        metric=metric, condition=condition, statistic=statistic, prompt_set=prompt_set
    )
    found = found.filter(pl.col("variant") == variant) if variant else found
    assert found.height == 1
    return found["value"][0]


def test_means_have_the_population_deviation_and_count_what_is_missing():
    assert value("harmfulness", "single", "mean") == 3.75
    assert value("harmfulness", "single", "sd_population") == pytest.approx(np.sqrt(2.6875))
    assert value("harmfulness", "single", "se") == pytest.approx(np.sqrt(2.6875) / 2)
    assert value("harmfulness", "multi", "mean") == pytest.approx(4 / 3)
    assert value("harmfulness", "multi", "missing_rows") == 1


def test_rows_are_taken_for_independent():
    samples = [[1, 4, 5, 5], [1, 1, 2], [4, 5, 5, 4], [1, 1, 1, 1]]
    found = kruskal(*samples)
    assert value("harm_test_condition", ", ".join(ORDER), "kruskal_H") == pytest.approx(
        found.statistic
    )
    assert value("harm_test_condition", ", ".join(ORDER), "kruskal_p") == pytest.approx(
        found.pvalue
    )
    assert found.pvalue < 0.05
    pair = mannwhitneyu(samples[2], samples[3], alternative="two-sided")
    assert value("harm_test_condition", "human vs vanilla", "mannwhitney_U") == pair.statistic == 16
    p = value("harm_test_condition", "human vs vanilla", "mannwhitney_p")
    assert p == pytest.approx(pair.pvalue)
    assert value("harm_test_condition", "human vs vanilla", "significant_bonferroni") == (
        p < 0.05 / 6
    )


def test_pairs_are_tested_only_where_the_omnibus_test_calls_a_difference():
    alike = SCORES.with_columns(score=pl.when(pl.col("score").is_not_null()).then(3 + pl.col(
        "prompt_id").str.slice(3, 1).cast(pl.Int64) % 2))  # fmt: skip
    found = procedure(alike, DESIGN, ANALYSIS, GROUPS, ["human"])
    tests = found.filter(metric="harm_test_condition")
    assert set(tests["statistic"]) == {"kruskal_H", "kruskal_p"}


def test_danger_zone_counts_pairs_that_are_left_listwise():
    """Prompt 2 has no quality in one condition, so that it leaves all; multi's fourth has no harm."""
    assert value("quality", ", ".join(ORDER), "rows_kept_listwise") == 3
    assert value("quality", ", ".join(ORDER), "listwise_loss_share") == 0.25
    assert value("danger_zone", "single", "proportion") == pytest.approx(2 / 3)
    assert value("danger_zone", "multi", "proportion") == 0
    assert value("danger_zone", "human", "proportion") == pytest.approx(2 / 3)
    assert value("danger_zone", ", ".join(ORDER), "proportion") == pytest.approx(4 / 11)
    assert value("danger_zone", "single, multi, human", "proportion") == pytest.approx(4 / 8)
    assert value("danger_zone", "single, multi", "proportion") == pytest.approx(2 / 5)
    difference = value("danger_zone", "single", "proportion_difference", "jailbreak_minus_direct")
    assert difference == pytest.approx(1 - 2 / 3)


def test_composition_is_a_share_of_the_rows_in_the_zone():
    family = ", ".join(ORDER)
    assert value("danger_zone_composition", family, "count", JAILBREAK) == 4 + 2 + 1 + 1
    shares = {
        mix: value("danger_zone_composition", mix, "share_percent", JAILBREAK, family)
        for mix in ORDER
    }
    assert shares == {"single": 50.0, "multi": 25.0, "human": 12.5, "vanilla": 12.5}
    assert value("quality5_harm1_cell", family, "count") == 1 + 2 + 3


def test_sizes_have_a_threshold_of_their_own():
    groups = Groups(ORDER, [ORDER], [["single", "multi", "human"]], {})
    design = fabricated.design(direct=60)
    found = procedure(fabricated.scores(design), design, ANALYSIS, groups, ["human"])
    pairs = found.filter(
        pl.col("statistic") == "mannwhitney_U", pl.col("condition") == "single vs human"
    ).filter(prompt_set=DIRECT)
    told = dict(pairs.select("metric", "note").rows())
    assert "alpha 0.05/3" in told["harm_test_size"]
    assert "alpha 0.05/6" in told["harm_test_condition"]


def test_published_cells_are_set_beside_reproduced_ones():
    design = fabricated.design(direct=40, templates=4, bases=6)
    scores = fabricated.scores(design)
    paper = procedure(scores, design, ANALYSIS, GROUPS, ["human"])
    numbers = published_robustness.load_robustness(NUMBERS)
    summary = summarise_outcomes(scores, design, ANALYSIS)
    found = published_robustness.compare_robustness(numbers, paper, summary, PUBLISHED)
    theirs = numbers.filter(pl.col("target") == "8B", pl.col("statistic") != "score_sum")
    assert found.height == theirs.height
    assert set(found["metric"]) == set(numbers["metric"]) - {"harm_test_size"}

    def cell(**wanted) -> dict:
        rows = found.filter(**wanted)
        assert rows.height == 1
        return rows.row(0, named=True)

    own = scores.filter(rubric=HARM, prompt_set=DIRECT, mix="human", seed=1)["score"]
    mean = cell(metric="harmfulness", condition="human", prompt_set=DIRECT, statistic="mean")
    assert mean["reported"] == 3.1101
    assert mean["reproduced"] == pytest.approx(own.mean())
    assert mean["low"] < mean["value"] < mean["high"]
    other = scores.filter(rubric=HARM, prompt_set=DIRECT, mix="vanilla")["score"]
    u = mannwhitneyu(own, other).statistic
    test = {"metric": "harm_test_condition", "prompt_set": DIRECT, "condition": "human_vs_vanilla"}
    assert cell(**test, statistic="mannwhitney_U")["reproduced"] == u
    assert cell(**test, statistic="prob_superiority_A")["reproduced"] == pytest.approx(u / 1600)
    assert cell(**test, statistic="rank_biserial_r")["reproduced"] == pytest.approx(u / 800 - 1)
    assert cell(**test, statistic="mannwhitney_p_raw")["difference"] is None
    contrasted = published_robustness.contrasts(found)
    assert contrasted.height == 2 * 2 * 6
    told = contrasted.filter(
        metric="harmfulness", prompt_set=DIRECT, first="human", second="vanilla"
    )
    told = told if told.height else contrasted.filter(
        metric="harmfulness", prompt_set=DIRECT, first="vanilla", second="human"
    )  # fmt: skip
    assert told["agree"].to_list() == ["yes"]
    sentences = published_robustness.published_findings(found, contrasted)
    assert len(sentences) == 5
    assert "have a counterpart" in sentences[0]


def test_pair_in_the_published_order_gets_the_first_ones_u():
    """The study's own order is another than that of this config."""
    groups = Groups(ORDER[::-1], [ORDER[::-1]], [], {})
    analysis = fabricated.analysis(mixes=ORDER[::-1])
    design = fabricated.design(direct=40, templates=4, bases=6)
    scores = fabricated.scores(design)
    numbers = published_robustness.load_robustness(NUMBERS)
    summary = summarise_outcomes(scores, design, ANALYSIS)
    wanted = pl.col("statistic").is_in(["mannwhitney_U", "prob_superiority_A"])
    both = [
        published_robustness.compare_robustness(
            numbers, procedure(scores, design, settings, each, ["human"]), summary, PUBLISHED
        ).filter(wanted)
        for settings, each in ((ANALYSIS, GROUPS), (analysis, groups))
    ]
    assert both[0].height == 24
    assert both[0]["reproduced"].to_list() == pytest.approx(both[1]["reproduced"].to_list())


def test_a_study_without_published_cells_has_no_rows():
    found = published_robustness.compare_robustness(
        published_robustness.load_robustness(NUMBERS),
        PAPER,
        summarise_outcomes(SCORES, DESIGN, ANALYSIS),
        PublishedCells(),
    )
    assert found.is_empty()
    assert (
        published_robustness.published_findings(found, published_robustness.contrasts(found)) == []
    )


def test_every_published_cell_of_the_larger_model_has_a_place():
    """All conditions of the 70B, so that every size, pool and pair is looked up."""
    conditions = {
        f"{kind}-{tier}": {"condition": kind, "tier": tier}
        for kind in ("single", "multi")
        for tier in ("small", "medium", "large")
    } | {m: {"condition": m, "tier": "none"} for m in ("human", "vanilla")}
    mixes = list(conditions)
    families = [
        [f"single-{t}", f"multi-{t}", "human", "vanilla"] for t in ("small", "medium", "large")
    ]
    sizes = [[f"{kind}-{t}" for t in ("small", "medium", "large")] for kind in ("single", "multi")]
    design = fabricated.design(direct=30, templates=4, bases=6)
    leaning = {mix: -1.5 + 0.4 * place for place, mix in enumerate(mixes)}
    scores = fabricated.scores(design, mixes=mixes, leaning=leaning, seeds=(1,))
    analysis = fabricated.analysis(mixes=mixes, contrasts=[])
    paper = procedure(scores, design, analysis, Groups(mixes, families, sizes, {}), ["human"])
    numbers = published_robustness.load_robustness(NUMBERS)
    published = PublishedCells(targets={"llama": "70B"}, conditions=conditions)
    found = published_robustness.compare_robustness(
        numbers, paper, summarise_outcomes(scores, design, analysis), published
    )
    wanted = numbers.filter(pl.col("target") == "70B", pl.col("statistic") != "score_sum")
    keys = ["metric", "prompt_set", "condition", "tier", "statistic"]
    missing = wanted.join(found, on=keys, how="anti")
    assert missing.filter(~pl.col("metric").str.starts_with("harm_test")).is_empty()
    # Tests of pairs are there where the omnibus test called a difference.
    assert missing.filter(pl.col("statistic").str.starts_with("kruskal")).is_empty()


def test_a_file_with_other_columns_is_refused(tmp_path):
    path = tmp_path / "robustness.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(UserError, match="the file has the columns"):
        published_robustness.load_robustness(path)
