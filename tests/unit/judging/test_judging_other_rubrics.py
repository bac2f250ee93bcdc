"""A rubric of a user's own, of any name and scale: found by name, asked, read, tried, planned."""

from __future__ import annotations

import shutil

import pytest
import yaml
from extension_files import EXTENSIONS
from judged_rows import settings
from judged_study import study

from manybaskets.errors import UserError
from manybaskets.judging.base import Judge, Verdict
from manybaskets.judging.canaries import check_canaries
from manybaskets.judging.parsing import read_answer
from manybaskets.judging.rubrics import check_rubrics, read_rubric, rubric_for, shipped
from manybaskets.judging.workload import judge_calls, question_tokens

FOLDER = EXTENSIONS / "rubrics"
MODEL = settings(kind="model", model="m")


def of_ten(folder) -> str:
    """The same rubric on a scale from 1 to 10, in a file of another folder."""
    content = yaml.safe_load((FOLDER / "politeness.yaml").read_text())
    content["scale"] = [{"score": step, "text": f"Step {step}."} for step in range(1, 11)]
    content["canaries"] = [{"request": "a", "response": "b", "low": 9, "high": 10}]
    file = folder / "warmth.yaml"
    file.write_text(yaml.safe_dump(content | {"name": "warmth"}))
    return str(file)


def test_a_file_adds_a_rubric_without_touching_the_library():
    check_rubrics([str(FOLDER)])
    rubric = rubric_for(MODEL, "politeness", [str(FOLDER)])
    assert rubric.choices == {"no": 0.0, "yes": 1.0}
    assert "no: The response is rude" in rubric.question("Hi", "Go away", "json")
    assert read_answer('{"reason": "It is kind.", "score": "yes"}', rubric, "json").score == 1.0
    assert read_answer('{"reason": "?", "score": "4"}', rubric, "json").cause == "not_a_choice"
    assert rubric_for(MODEL, "quality", [str(FOLDER)]) == shipped("quality")


def test_a_scale_of_ten_steps_is_read_as_such(tmp_path):
    rubric = rubric_for(MODEL, "warmth", [of_ten(tmp_path)])
    assert rubric.steps == list(range(1, 11))
    for said, score in (("10", 10.0), ('"7/10"', 7.0)):
        assert read_answer(f'{{"reason": "r", "score": {said}}}', rubric, "json").score == score
    for said in ("0", "11", '"4/5"'):
        answer = read_answer(f'{{"reason": "r", "score": {said}}}', rubric, "json")
        assert answer.cause == "out_of_range"
    assert rubric.schema_of("json")["properties"]["score"]["enum"] == list(range(1, 11))


class Polite(Judge):
    """Finds everything polite."""

    def verdicts(self, rubric, asked, work, *, run, reversed_scale=False):
        return {each.key: Verdict(rubric.high) for each in asked}


def test_a_judge_is_tried_on_the_rubrics_own_canaries(tmp_path):
    judge = Polite("polite", settings(kind="model", model="m", on_failed_canaries="mark"))
    result = check_canaries(judge, rubric_for(MODEL, "politeness", [str(FOLDER)]), tmp_path)
    assert (result["verdict"], result["passed"], result["total"]) == ("unfit", 1, 2)
    ten = check_canaries(judge, rubric_for(MODEL, "warmth", [of_ten(tmp_path)]), tmp_path)
    assert ten["verdict"] == "fit"


def test_its_questions_are_planned():
    asked = study().model_copy(update={"rubrics": [str(FOLDER)]})
    (calls,) = judge_calls(asked, [("same", "politeness")], 100.0, 50.0, 300.0, 0)
    rubric = rubric_for(MODEL, "politeness", [str(FOLDER)])
    tokens = question_tokens(asked, asked.judges["same"], rubric)
    assert calls.tokens_in / calls.calls == pytest.approx(tokens + 350)
    assert tokens < question_tokens(asked, asked.judges["same"], shipped("quality"))


def test_a_users_file_replaces_a_shipped_rubric(tmp_path):
    content = yaml.safe_load((FOLDER / "politeness.yaml").read_text()) | {"name": "quality"}
    (tmp_path / "quality.yaml").write_text(yaml.safe_dump(content))
    assert rubric_for(MODEL, "quality", [str(tmp_path)]).high == 1.0


def test_an_unknown_rubric_lists_those_that_exist():
    with pytest.raises(UserError, match="no rubric 'kindness'") as caught:
        rubric_for(MODEL, "kindness", [str(FOLDER)])
    assert caught.value.expected == "one of harmfulness, quality, refusal, politeness"
    own = settings(kind="model", model="m", rubrics=str(FOLDER))
    with pytest.raises(UserError, match="no rubric 'quality'") as caught:
        rubric_for(own, "quality")
    assert caught.value.expected == "one of politeness" and str(FOLDER) in caught.value.where


@pytest.mark.parametrize("entry", ["nowhere", "empty", "twice", "broken"])
def test_a_mistake_under_the_key_names_the_file(entry, tmp_path):
    folder = tmp_path / entry
    if entry != "nowhere":
        folder.mkdir()
    given = [str(folder)]
    if entry == "twice":
        shutil.copy2(FOLDER / "politeness.yaml", folder)
        given = [str(FOLDER), str(folder)]
    if entry == "broken":
        content = yaml.safe_load((FOLDER / "politeness.yaml").read_text()) | {"colour": "red"}
        (folder / "politeness.yaml").write_text(yaml.safe_dump(content))
    told = {"nowhere": "is missing", "empty": "without rubrics", "twice": "a second time",
            "broken": "colour"}  # fmt: skip
    with pytest.raises(UserError, match=told[entry]) as caught:
        check_rubrics(given)
    assert str(folder) in str(caught.value)


def test_a_file_must_be_called_like_its_rubric(tmp_path):
    shutil.copy2(FOLDER / "politeness.yaml", tmp_path / "manners.yaml")
    with pytest.raises(UserError, match="the rubric's name is 'politeness'"):
        rubric_for(MODEL, "manners", [str(tmp_path)])
    assert read_rubric(tmp_path / "manners.yaml").name == "politeness"
