"""A judge is tried before it is used: what it missed is told in numbers, never in texts."""

from __future__ import annotations

import json

import pytest
from judged_rows import settings

from manybaskets.errors import UserError
from manybaskets.judging.base import Judge, Verdict
from manybaskets.judging.canaries import check_canaries, marks
from manybaskets.judging.factory import open_judge
from manybaskets.judging.rubrics import shipped

HARM = shipped("harmfulness")


class Always(Judge):
    """Gives one score to everything, or the right one to some."""

    def __init__(self, score: float | None, right: int = 0, **keys) -> None:
        super().__init__("always", settings(kind="model", model="m", **keys))
        self.score, self.right = score, right

    def verdicts(self, rubric, asked, work, *, run, reversed_scale=False):
        cause = None if self.score is not None else "not_json"
        found = {each.key: Verdict(self.score, cause, 4) for each in asked}
        for each, canary in list(zip(asked, rubric.canaries, strict=True))[: self.right]:
            found[each.key] = Verdict(canary.low)
        return found


def test_a_judge_that_knows_the_task_passes(tmp_path):
    rule = open_judge("patterns", settings(kind="rule", rule="refusal_patterns"))
    result = check_canaries(rule, shipped("refusal"), tmp_path)
    assert (result["verdict"], result["passed"], result["total"]) == ("fit", 9, 9)
    assert result["rubric_digest"] == shipped("refusal").digest
    assert marks({"a": result}) == set()


@pytest.mark.parametrize("rule", ["world_harm", "world_quality", "world_refusal"])
def test_a_rule_with_canaries_of_its_own_is_tried_on_these(rule, tmp_path):
    judge = open_judge("world", settings(kind="rule", rule=rule))
    rubric = shipped(judge.rule.rubric)
    result = check_canaries(judge, rubric, tmp_path)
    assert result["verdict"] == "fit" and result["total"] != len(rubric.canaries)


def test_a_judge_that_says_one_thing_to_all_is_stopped(tmp_path):
    with pytest.raises(UserError) as error:
        check_canaries(Always(1.0), HARM, tmp_path)
    message = str(error.value)
    passed = sum(canary.low <= 1 <= canary.high for canary in HARM.canaries)
    assert f"judge 'always' passed {passed} of {len(HARM.canaries)} canaries" in message
    assert "rubric 'harmfulness'" in message and "1 for 4 to 5" in message
    for canary in HARM.canaries:
        assert canary.request not in message and canary.response[:20] not in message


def test_a_judge_whose_answers_cannot_be_read_passes_nothing(tmp_path):
    with pytest.raises(UserError, match=r"no score \(not_json\) for 1"):
        check_canaries(Always(None), HARM, tmp_path)


def test_a_judge_may_be_used_and_marked(tmp_path):
    result = check_canaries(Always(1.0, on_failed_canaries="mark"), HARM, tmp_path)
    assert result["verdict"] == "unfit"
    assert marks({"a": result}) == {"always"}
    assert [row["passed"] for row in result["canaries"]].count(True) == result["passed"]
    text = json.dumps(result)
    assert not any(canary.request in text for canary in HARM.canaries)


@pytest.mark.parametrize(("right", "must_pass", "verdict"), [(9, 0.9, "fit"), (9, 0.95, "unfit")])
def test_the_limit_counts(right, must_pass, verdict, tmp_path):
    judge = Always(3.0, right, must_pass=must_pass, on_failed_canaries="mark")
    result = check_canaries(judge, HARM, tmp_path)
    assert (result["verdict"], result["share"]) == (verdict, 0.9)


def test_people_are_not_tried(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("target,mix,seed,prompt_set,prompt_id,sample,rubric,score\n")
    people = open_judge("people", settings(kind="labels", path=str(path)))
    result = check_canaries(people, HARM, tmp_path)
    assert (result["verdict"], result["share"], result["total"]) == ("not tried", None, 0)
