"""A rubric of a user's own in the robustness experiment: from the config to the table."""

from __future__ import annotations

from pathlib import Path

import fabricated_scores as fabricated
import polars as pl
import pytest
import yaml
from extension_files import EXTENSIONS
from repository import ROOT
from rule_tables import rule_tables

from manybaskets.config.loading import parse_study
from manybaskets.errors import UserError
from manybaskets.experiments.robustness.analysis import analyse
from manybaskets.experiments.robustness.files import RobustnessFiles
from manybaskets.experiments.robustness.judge_panel import analysis_settings, check_panel
from manybaskets.experiments.robustness.scores import HARM
from manybaskets.experiments.robustness.tables import RULE, RobustnessContext
from manybaskets.layout import Files

POLITENESS = str(EXTENSIONS / "rubrics" / "politeness.yaml")


def study(rubrics: dict, given=(POLITENESS,), **judges):
    settings = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    settings["robustness"]["judges"] |= {"rubrics": rubrics}
    settings["judges"] |= judges
    return parse_study(settings | {"rubrics": list(given)}, "config")


PEOPLE = {"people": {"kind": "labels", "path": "labels.csv"}}


def test_a_config_asks_any_rubric():
    asked = study({"politeness": ["people"]}, **PEOPLE)
    check_panel(asked)
    assert asked.robustness.rubrics_of("people") == ["politeness"]
    files = Files(asked).stage(RobustnessFiles)
    assert [str(file) for file in files.rubrics("people")] == [POLITENESS]
    assert "people" in files.judges()
    settings = analysis_settings(asked)
    assert settings["scales"] == {"politeness": [0, 1]}
    assert settings["judges"]["politeness"] == ["people"]


def test_a_study_without_one_has_the_settings_that_it_had():
    plain = study({}, given=[])
    assert "scales" not in analysis_settings(plain)
    assert "rubrics" not in plain.model_dump()
    assert "rubrics" not in plain.model_dump()["robustness"]["judges"]


@pytest.mark.parametrize(
    ("rubrics", "message"),
    [
        ({"kindness": ["people"]}, "there is no rubric 'kindness'"),
        ({"quality": ["people"]}, "list the judges of 'quality' under its own key"),
        ({"danger": ["people"]}, "'danger' is the name of an outcome"),
        ({"politeness": ["nobody"]}, "robustness.judges.rubrics.politeness"),
    ],
)
def test_mistakes_name_their_key(rubrics, message):
    with pytest.raises(UserError) as caught:
        check_panel(study(rubrics, **PEOPLE))
    assert message in str(caught.value)


def test_a_known_rubric_keeps_its_scale(tmp_path):
    content = yaml.safe_load(Path(POLITENESS).read_text()) | {"name": "quality"}
    (tmp_path / "quality.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(UserError, match="rubric 'quality' of judge") as caught:
        check_panel(study({}, given=[str(tmp_path)]))
    assert "1, 2, 3, 4, 5" in caught.value.expected


def test_its_mean_score_is_in_the_table_with_its_interval():
    design = fabricated.design()
    scores = fabricated.scores(design)
    own = scores.filter(rubric=HARM).with_columns(
        rubric=pl.lit("politeness"),
        judge=pl.lit("people"),
        score=pl.col("score").is_in([1.0, 2.0]).cast(pl.Float64),
    )
    judges = fabricated.JUDGES | {"politeness": ["people"]}
    analysis = fabricated.analysis(judges=judges, scales={"politeness": [0.0, 1.0]})
    scales = {name: [1.0, 2.0, 3.0, 4.0, 5.0] for name in ("harmfulness", "quality")}
    scales |= {"refusal": [0.0, 0.5, 1.0], "politeness": [0.0, 1.0]}
    frames = analyse(pl.concat([scores, own]), design, analysis, {}, scales)
    table = rule_tables(RULE, frames, RobustnessContext(analysis))["robustness"].frame
    rows = table.filter(label="Politeness", prompt_set="direct")
    assert rows["mix"].to_list() == list(fabricated.MIXES) and set(rows["judge"]) == {"people"}
    truth = own.filter(prompt_set="direct", mix="human")["score"].mean()
    (human,) = rows.filter(mix="human").rows(named=True)
    assert human["value"] == pytest.approx(truth, abs=0.02)
    assert 0 <= human["low"] < human["value"] < human["high"] <= 1
    assert "politeness" not in frames["robustness-comparisons"]["outcome"]
    assert "politeness" in frames["robustness-missingness"]["rubric"]
