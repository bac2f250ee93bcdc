"""Tables, sentences and figures of robustness: marked everywhere, no claim beyond the numbers."""

from __future__ import annotations

import fabricated_scores as fabricated
import polars as pl
import pytest
import yaml
from matplotlib.patches import Circle
from repository import ROOT
from rule_tables import rule_tables
from sklearn.metrics import cohen_kappa_score

from manybaskets.config.evaluation import Figures
from manybaskets.config.study import Study
from manybaskets.experiments.robustness.analysis import FRAMES, analyse
from manybaskets.experiments.robustness.comparisons import FAMILY
from manybaskets.experiments.robustness.figure_panels import quantities
from manybaskets.experiments.robustness.figures.danger_sweep import danger_sweep
from manybaskets.experiments.robustness.figures.harm_quality_map import harm_and_quality
from manybaskets.experiments.robustness.figures.outcome_intervals import outcomes
from manybaskets.experiments.robustness.findings import findings, warnings
from manybaskets.experiments.robustness.report_section import headlines_of
from manybaskets.experiments.robustness.scores import (
    BENIGN,
    DIRECT,
    JAILBREAK,
    REFUSAL,
    RUBRICS,
    UNFIT,
)
from manybaskets.experiments.robustness.tables import RULE, RobustnessContext
from manybaskets.judging.rubrics import shipped
from manybaskets.presentation.figures import panel_drawing as pieces
from manybaskets.presentation.figures.figure_style import Look
from manybaskets.presentation.table_forms import display, write_all
from manybaskets.presentation.verdict_table import CANNOT, DECIDED
from manybaskets.report.figures import planned_figures

TARGETS = ["llama", "qwen"]
KINDS = {"human": "human", "single": "single", "multi": "multi"}
LOOK = Look(Figures(dpi=50), KINDS, {}, TARGETS, [])
STEPS = {name: shipped(name).steps for name in RUBRICS}
CANARIES = {
    "judge": {
        name: {"judge": "judge", "rubric": name, "verdict": "fit", "passed": 9, "total": 10,
               "must_pass": 0.9}
        for name in RUBRICS
    },
    "patterns": {
        REFUSAL: {"judge": "patterns", "rubric": REFUSAL, "verdict": "unfit", "passed": 7,
                  "total": 10, "must_pass": 0.9}
    },
}  # fmt: skip
DESIGN = fabricated.design(TARGETS, direct=30, templates=5, bases=8, control=8)


def scores(other: float) -> pl.DataFrame:
    """Runs of both targets; `other` is how far the second's mix of several sources leans."""
    leaning = [fabricated.LEANING, fabricated.LEANING | {"multi": other}]
    return pl.concat(
        fabricated.scores(DESIGN.filter(pl.col("target") == target), leaning=own, training=0.0,
                          failed=0.01, seeds=(1, 2, 3, 4, 5))
        for target, own in zip(TARGETS, leaning, strict=True)
    )  # fmt: skip


SCORES = scores(0.8)
ANALYSIS = fabricated.analysis(
    TARGETS, flagged=["t01"], unfit=["patterns"], same_family={"judge": ["llama"]}
)
MADE = analyse(SCORES, DESIGN, ANALYSIS, CANARIES, STEPS)
TABLES = rule_tables(RULE, MADE, RobustnessContext(ANALYSIS))
NAMES = (
    "robustness", "robustness-comparisons", "robustness-danger", "robustness-categories",
    "robustness-templates", "robustness-missingness", "robustness-judges",
)  # fmt: skip


def test_every_statistic_and_table_is_there_and_can_be_written(tmp_path):
    assert tuple(MADE) == FRAMES
    assert tuple(TABLES) == NAMES
    for name, table in TABLES.items():
        assert table.frame.height, name
        for path in write_all(table.frame, tmp_path / name, table.caption):
            assert path.read_text(encoding="utf-8").strip()


@pytest.mark.parametrize("name", NAMES)
def test_judges_with_something_against_them_are_marked_in_every_table(name):
    frame = TABLES[name].frame
    assert "marks" in display(frame)[0]
    told = {judge: set(group["marks"]) for (judge,), group in frame.group_by("judge")}
    for marks in told.get("patterns", ()):
        assert "unfit" in marks
    if name != "robustness-judges":
        by_target = frame.filter(judge="judge").select("target", "marks").unique()
        assert dict(by_target.rows()) == {"llama": "of the same family", "qwen": None}


def test_tables_of_judges_without_faults_have_no_column_of_marks():
    clean = fabricated.analysis(TARGETS)
    made = rule_tables(RULE, analyse(SCORES, DESIGN, clean, {}, STEPS), RobustnessContext(clean))
    assert all("marks" not in table.frame.columns for table in made.values())


def test_plain_interval_stands_beside_the_clusters_one():
    row = (
        TABLES["robustness"].frame.filter(label="Refused", prompt_set=JAILBREAK).row(0, named=True)
    )
    ends = [float(each) for each in row["rows_alone"].split(" to ")]
    assert ends == pytest.approx([row["wilson_low"], row["wilson_high"]], abs=0.001)
    headers = display(TABLES["robustness"].frame)[0]
    assert "rows alone" in headers and "wilson_low" not in headers


def test_refusals_of_harmless_requests_are_called_over_refusals():
    frame = TABLES["robustness"].frame
    assert "Over-refused" in set(frame.filter(prompt_set=BENIGN)["label"])
    assert "Over-refused" not in set(frame.filter(prompt_set=DIRECT)["label"])


def test_danger_zone_names_its_headline_and_has_nine_cells_of_each_condition():
    frame = TABLES["robustness-danger"].frame
    assert set(frame.group_by("target", "prompt_set", "mix").len()["len"]) == {9}
    told = frame.filter(pl.col("headline") == "headline")
    assert set(told.select("harm_cut", "quality_cut").rows()) == {(4, 4)}


def test_flagged_templates_are_named_and_left_out_in_rows_of_their_own():
    templates = TABLES["robustness-templates"].frame
    assert set(templates.filter(pl.col("flagged") == "flagged")["template"]) == {"t01"}
    assert set(TABLES["robustness"].frame["which_templates"]) == {"all", "without flagged"}


def test_kappa_of_patterns_and_judge_is_that_of_scikit_learn():
    known = SCORES.filter(rubric=REFUSAL, status="judged")
    both = known.filter(judge="judge").join(
        known.filter(judge="patterns"),
        on=["target", "mix", "seed", "prompt_set", "prompt_id"], suffix="_other",
    )  # fmt: skip
    expected = cohen_kappa_score(both["score"] >= 1, both["score_other"] >= 1)
    row = MADE["robustness-judges"].filter(rubric="refusal, full or not").row(0, named=True)
    assert row["kappa"] == pytest.approx(expected)
    assert row["kappa_low"] < expected < row["kappa_high"]
    assert row["n"] == both.height


def test_sentences_say_who_judged_and_what_speaks_against_them():
    said = " ".join(findings(MADE, ANALYSIS))
    assert "harmfulness by `judge`, 9 of 10 canaries" in said
    assert "`patterns` did not pass its canaries" in said
    assert "`judge` is of the same model family as llama" in said
    assert "have no harm score" in said
    assert warnings(MADE, ANALYSIS) == [
        "Robustness is judged by a judge that did not pass its canaries: `patterns`. Read the outcomes "
        "by the other judges; those by this one are marked."
    ]


def test_values_that_are_missing_are_told_once_per_judge_and_reason():
    lost = pl.col("outcome").is_in(["harm", "danger"]) & (pl.col("target") == "qwen")
    summary = MADE["robustness"].with_columns(
        estimate=pl.when(lost).then(None).otherwise("estimate"),
        method=pl.when(lost).then(pl.lit("no score")).otherwise("method"),
    )
    told = warnings(MADE | {"robustness": summary}, ANALYSIS)[1:]
    assert len(told) == summary.filter(lost)["judge"].n_unique()
    remedy = ": no score. Leave these cells out of comparisons."
    assert all(text.startswith("No value of ") and text.endswith(remedy) for text in told)
    mixes = summary.filter(lost)["mix"].n_unique()
    assert all(f" for {mixes} conditions by `" in text for text in told)


def test_a_planted_rise_is_told_with_its_interval():
    rows = MADE["robustness-comparisons"].filter(
        pl.col("p_holm") < 0.05,
        family="robustness",
        outcome="harm",
        mix="human",
        baseline="vanilla",
    )
    assert rows.height and (rows["difference"] > 0).all()
    said = findings(MADE, ANALYSIS)
    heads = {DIRECT: "On direct requests", JAILBREAK: "Under jailbreak templates"}
    for row in rows.to_dicts():
        head = f"{heads[row['prompt_set']]}, target {row['target']}: against `vanilla`, "
        told = [each for each in said if each.startswith(head) and "harm by" in each]
        assert len(told) == 1
        expected = f"`human` raises harm by {row['difference']:.2f} points (95 % interval "
        assert expected + f"{row['low']:.2f} to {row['high']:.2f}, Holm p" in told[0]


def test_a_planted_rise_is_decided_on_the_first_screen_and_carries_the_marks_of_its_judge():
    columns = {column.title: column for column in headlines_of(MADE["robustness-comparisons"])}
    rows = MADE["robustness-comparisons"].filter(
        pl.col("p_holm") < 0.05, pl.col("low") > 0, family=FAMILY, outcome="harm",
        mix="human", baseline="vanilla",
    )  # fmt: skip
    assert rows.height
    for row in rows.to_dicts():
        column = columns[f"Harmfulness on `{row['prompt_set']}` prompts"]
        cell = column.cells[row["target"], "human"]
        assert column.against == "vanilla"
        assert (cell.state, cell.sign, column.judgement(cell)) == (DECIDED, "▲", "worse")
        assert cell.why.startswith("interval and corrected test agree")
    marked = {target: cell.why for column in columns.values()
              for (target, _), cell in column.cells.items() if "Harm" in column.title}  # fmt: skip
    assert marked["llama"].endswith("; judge of the same family")
    assert "judge" not in marked["qwen"]


def test_a_judge_that_did_not_pass_its_canaries_decides_nothing():
    unfit = fabricated.analysis(TARGETS, unfit=["judge"])
    made = analyse(SCORES, DESIGN, unfit, CANARIES, STEPS)["robustness-comparisons"]
    clear = made.filter(family=FAMILY, outcome="harm", mix="human", baseline="vanilla")
    assert (clear["p_holm"] < 0.05).any() and (clear["low"] > 0).any()
    cells = [cell for column in headlines_of(made) for cell in column.cells.values()]
    assert {cell.state for cell in cells} == {CANNOT}
    assert all(UNFIT in cell.why for cell in cells)


def test_nothing_is_said_of_several_sources_in_general_where_signs_differ():
    """Several sources do more harm for one target, and less for the other."""
    found = MADE["robustness-comparisons"]
    harm = (pl.col("outcome") == "harm") & (pl.col("baseline") == "single")
    turned = found.with_columns(
        difference=pl.when(harm & (pl.col("target") == "llama")).then(-1.0)
        .when(harm).then(1.0).otherwise("difference"),
        low=pl.when(harm & (pl.col("target") == "llama")).then(-1.5)
        .when(harm).then(0.5).otherwise("low"),
        high=pl.when(harm & (pl.col("target") == "llama")).then(-0.5)
        .when(harm).then(1.5).otherwise("high"),
        p_holm=pl.when(harm).then(0.01).otherwise("p_holm"),
    )  # fmt: skip
    said = [
        each for each in findings(MADE | {"robustness-comparisons": turned}, ANALYSIS)
        if each.startswith("Several sources")
    ]  # fmt: skip
    assert len(said) == 1
    assert "2 with lower harm" in said[0] and "2 with higher harm" in said[0]
    assert "The sign differs between comparisons" in said[0]
    alike = turned.with_columns(p_holm=pl.when(harm).then(0.5).otherwise("p_holm"))
    said = [
        each for each in findings(MADE | {"robustness-comparisons": alike}, ANALYSIS)
        if each.startswith("Several sources")
    ]  # fmt: skip
    assert "4 not distinguished (2 to less harm and 2 to more harm), in 4 of which" in said[0]
    assert said[0].endswith("What was not distinguished is not evidence of no effect.")


def test_undecided_tests_are_not_said_to_show_no_effect():
    """All comparisons point to less harm, and none is decided."""
    found = MADE["robustness-comparisons"]
    harm = (pl.col("outcome") == "harm") & (pl.col("baseline") == "single")
    turned = found.with_columns(
        difference=pl.when(harm).then(-1.0).otherwise("difference"),
        low=pl.when(harm).then(-3.0).otherwise("low"),
        high=pl.when(harm).then(0.4).otherwise("high"),
        p_holm=pl.when(harm).then(0.5).otherwise("p_holm"),
    )
    (said,) = [
        each for each in findings(MADE | {"robustness-comparisons": turned}, ANALYSIS)
        if each.startswith("Several sources")
    ]  # fmt: skip
    assert "4 not distinguished (4 to less harm)." in said and "general effect" not in said


@pytest.mark.parametrize(
    ("low", "high", "p_holm", "words", "verdict"),
    [(-1.5, -0.5, 0.01, "lowers harm by", "different"),
     (-1.5, -0.5, 0.2, "undecided (the interval excludes 0", "interval only"),
     (-3.45, 0.05, 0.031, "undecided (Holm's p is below 0.05, the interval reaches 0)", "test only"),
     (-1.5, 0.5, 0.4, "no significant difference in harm", "not distinguished")],
)  # fmt: skip
def test_words_follow_interval_and_test(low, high, p_holm, words, verdict):
    row = (pl.col("outcome") == "harm") & (pl.col("mix") == "human") & (pl.col("family") == FAMILY)
    planted = MADE["robustness-comparisons"].filter(row).with_columns(
        difference=pl.lit(-1.0), low=pl.lit(low), high=pl.lit(high), p_holm=pl.lit(p_holm)
    )  # fmt: skip
    frames = MADE | {"robustness-comparisons": planted}
    said = [each for each in findings(frames, ANALYSIS) if each.startswith(("On ", "Under "))]
    assert said and all(words in each for each in said)
    shown = rule_tables(RULE, frames, RobustnessContext(ANALYSIS))["robustness-comparisons"].frame
    assert set(shown["verdict"]) == {verdict}


def test_few_trainings_are_told():
    few = analyse(fabricated.scores(DESIGN, seeds=(1, 2)), DESIGN, ANALYSIS, CANARIES, STEPS)
    said = [each for each in findings(few, ANALYSIS) if "Fewer than 3 training seeds" in each]
    assert len(said) == 1 and "`vanilla`" not in said[0]
    assert not any("Fewer than 3" in each for each in findings(MADE, ANALYSIS))


PANELS = [["refused", judge, name] for judge in ("judge", "patterns") for name in (DIRECT, BENIGN)]
DRAWN = {
    "harm": lambda stem, rows: outcomes(
        rows(MADE["robustness"]), stem, panels=[["harm", "judge", DIRECT]], look=LOOK
    ),
    "refusals": lambda stem, rows: outcomes(
        rows(MADE["robustness"]), stem, panels=PANELS, look=LOOK
    ),
    "map": lambda stem, rows: harm_and_quality(
        rows(MADE["robustness-grid"]), stem, target="qwen", prompt_set=JAILBREAK, judge="judge",
        mixes=list(fabricated.MIXES), look=LOOK,
    ),
    "sweep": lambda stem, rows: danger_sweep(
        rows(MADE["robustness-danger"]), stem, target="qwen", judge="judge",
        prompt_sets=[DIRECT, JAILBREAK], cuts=[3, 4, 5], look=LOOK,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DRAWN)
def test_the_same_data_give_the_same_bytes_in_any_order(name, tmp_path):
    first = DRAWN[name](tmp_path / "first", lambda frame: frame)
    second = DRAWN[name](tmp_path / "second", lambda frame: frame.reverse())
    assert [path.suffix for path in first] == [".svg", ".png"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


@pytest.mark.parametrize("name", DRAWN)
def test_nothing_to_draw_still_gives_files(name, tmp_path):
    for path in DRAWN[name](tmp_path / "empty", lambda frame: frame.clear()):
        assert path.stat().st_size > 0


def test_points_are_the_estimates_of_whole_sets(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(pieces, "point", lambda axis, place, row, *_: drawn.append(row["estimate"]))
    DRAWN["harm"](tmp_path / "harm", lambda frame: frame)
    wanted = MADE["robustness"].filter(by="all", outcome="harm", judge="judge", prompt_set=DIRECT)
    assert sorted(drawn) == pytest.approx(sorted(wanted["estimate"]))


def test_map_draws_areas_in_proportion_to_the_share_of_a_condition(tmp_path, monkeypatch):
    circles = []

    class Recorded(Circle):
        def __init__(self, centre, radius, **style):
            circles.append((style["facecolor"], centre, radius))
            super().__init__(centre, radius, **style)

    monkeypatch.setattr("matplotlib.patches.Circle", Recorded)
    DRAWN["map"](tmp_path / "map", lambda frame: frame)
    cells = MADE["robustness-grid"].filter(target="qwen", prompt_set=JAILBREAK, mix="human")
    colour = LOOK.conditions["human"][0]
    own = {centre: radius for of, centre, radius in circles if of == colour}
    filled = {(h, q): n for h, q, n in cells.select("harm", "quality", "n").rows() if n}
    assert set(own) == set(filled)
    ratios = {radius**2 / filled[centre] for centre, radius in own.items()}
    assert max(ratios) == pytest.approx(min(ratios))
    assert max(radius for _, _, radius in circles) <= 0.5  # cells do not touch


def test_judges_are_named_in_titles_only_where_there_are_several():
    one, other = (quantities(panels) for panels in (PANELS[:2], PANELS))
    assert [each.label for each in one] == [
        "Refused: direct requests",
        "Over-refused: harmless look-alikes",
    ]
    assert [each.direction for each in one] == ["higher", "lower"]
    assert other[2].label == "Refused: direct requests, by patterns"


def study_with(judges: list[str], benign: bool) -> Study:
    """A small study of two targets with these judges of refusals."""
    small = yaml.safe_load((ROOT / "tests/cluster/small.yaml").read_text(encoding="utf-8"))
    rules = {name: {"kind": "rule", "rule": "refusal_patterns"} for name in judges}
    world = {name: {"kind": "rule", "rule": f"world_{name}"} for name in ("harm", "quality")}
    own = {
        "requests": {"kind": "embedded"},
        "benign": {"kind": "embedded"} if benign else None,
        "judges": {"harm": ["harm"], "quality": ["quality"], "refusal": judges},
    }
    return Study.model_validate(small | {"judges": rules | world, "robustness": own})


def test_figures_follow_the_config_and_can_be_drawn():
    study = study_with(["one", "two"], benign=True)
    planned = [each for each in planned_figures(study).values() if each.section == "robustness"]
    kinds = {figure.kind for figure in planned}
    assert kinds == {f"robustness-{name}" for name in ("harm", "refusals", "map", "sweep")}
    assert {table for figure in planned for table in figure.tables} <= set(FRAMES)
    without = planned_figures(without_experiment(study)).values()
    assert not any(figure.section == "robustness" for figure in without)


def without_experiment(study: Study) -> Study:
    """The same study without the section."""
    return Study.model_validate(study.settings() | {"robustness": None})


def test_panels_that_are_compared_stand_in_one_row():
    for judges, benign, first in (
        (["one", "two"], True, [("one", name) for name in (DIRECT, JAILBREAK, BENIGN)]),
        (["one", "two", "three"], False, [(name, DIRECT) for name in ("one", "two", "three")]),
    ):
        refusals = planned_figures(study_with(judges, benign))["robustness-refusals"]
        assert [tuple(panel[1:]) for panel in refusals.options["panels"][:3]] == first
