"""From score files to the tables and the report: what a config names is what is made."""

from __future__ import annotations

import fabricated_scores as fabricated
import polars as pl
import pytest
from repository import ROOT

from manybaskets.config.loading import parse_study, read_yaml
from manybaskets.config.participants import chosen_mixes
from manybaskets.config.robustness import RUBRICS
from manybaskets.experiments import EXPERIMENTS
from manybaskets.experiments.robustness.judge_panel import analysis_settings
from manybaskets.experiments.robustness.report_section import section_of
from manybaskets.experiments.robustness.statistics import analysis_of, write_statistics
from manybaskets.experiments.robustness.tables import (
    CONTRASTS,
    PAPER,
    PUBLISHED,
    RULE,
    RobustnessContext,
)
from manybaskets.presentation.tables import make_tables, needed_frames, table_names
from manybaskets.published.condition_groups import groups_of

NUMBERS = ROOT / "resources/published/robustness.csv"


@pytest.fixture(scope="module")
def study():
    settings = read_yaml(ROOT / "config/synthetic-eggs.yaml")
    more = read_yaml(ROOT / "config/synthetic-eggs.robustness.yaml")
    more["models"] = settings["models"] | more["models"]
    more["judges"] = {
        "judge": {"kind": "rule", "rule": "world_harm"},
        "patterns": more["judges"]["patterns"],
    }
    more["robustness"]["judges"] = {
        "harm": ["judge"], "quality": ["judge"], "refusal": ["judge", "patterns"],
    }  # fmt: skip
    return parse_study(settings | more, "config")


@pytest.fixture(scope="module")
def made(study, tmp_path_factory):
    """Statistics of fabricated scores, written and read as the rules do, with the judges' trials."""
    folder = tmp_path_factory.mktemp("statistics")
    design = fabricated.design(study.targets, direct=12, templates=3, bases=4, benign=4, control=4)
    mixes = ["vanilla", *chosen_mixes(study)]
    leaning = dict(zip(mixes, (-1.5, 0.3, -0.8, -0.9, -0.7, -0.6, 0.0, 0.1), strict=True))
    scores = fabricated.scores(design, mixes=mixes, leaning=leaning)
    trial = {"rubric_version": 1, "rubric_digest": "", "passed": 9, "total": 9, "must_pass": 0.9,
             "verdict": "fit", "share": 1.0, "canaries": []}  # fmt: skip
    canaries = {
        name: {RUBRICS[key]: trial | {"judge": name, "rubric": RUBRICS[key]}
               for key in study.robustness.rubrics_of(name)}
        for name in study.robustness.judge_names()
    }  # fmt: skip
    canaries["patterns"]["refusal"] |= {"verdict": "unfit"}
    templates = pl.DataFrame({"template_id": ["t00", "t01"], "doubtful": [False, True]})
    analysis = analysis_of(analysis_settings(study), templates, canaries)
    files = {
        name: folder / f"{name}.parquet" for name in EXPERIMENTS.get("robustness").statistics(study)
    }
    write_statistics(scores, design, analysis, canaries, files, groups_of(study), ["human"])
    return {name: pl.read_parquet(file) for name, file in files.items()}, analysis


def tables_of(study, made) -> dict:
    frames, analysis = made
    context = RobustnessContext(analysis, study.published_cells, NUMBERS)
    return make_tables(table_names(study, RULE), frames, context)


def test_trials_and_flags_reach_the_analysis(made):
    _, analysis = made
    assert analysis.unfit == ["patterns"] and analysis.flagged == ["t01"]
    assert ("multi-small", "vanilla") in analysis.contrasts
    assert ("multi-small", "single-small") in analysis.contrasts


def test_tables_are_those_that_the_config_names(study, made):
    tables = tables_of(study, made)
    assert {PAPER, PUBLISHED, CONTRASTS} <= set(tables)
    published = tables[PUBLISHED].frame
    assert published.height > 50 and set(published["target"]) == {"8B", "70B"}
    assert {"robustness-danger", "robustness-grid"} < set(made[0])


def test_the_published_procedure_is_left_out_without_the_key(study, made):
    own = study.robustness.model_copy(update={"published_procedure": False})
    plain = study.model_copy(update={"robustness": own})
    named = EXPERIMENTS.get("robustness").statistics(plain)
    assert PAPER not in named
    assert set(needed_frames(table_names(plain, RULE))) <= set(named)
    assert set(tables_of(study, made)) - set(tables_of(plain, made)) == {
        PAPER, PUBLISHED, CONTRASTS,
    }  # fmt: skip
    assert table_names(study.model_copy(update={"robustness": None}), RULE) == []


def test_the_report_tells_of_the_experiment_and_warns(study, made):
    frames, analysis = made
    section = section_of(frames, analysis, tables_of(study, made))
    assert section.title == "Robustness"
    assert any("published differences" in sentence for sentence in section.sentences)
    assert any("`patterns`" in warning for warning in section.warnings)
