"""People's scores are one more judge."""

from __future__ import annotations

from pathlib import Path

import pytest
from judged_rows import RUN, settings, table

from manybaskets.errors import UserError
from manybaskets.judging.factory import open_judge
from manybaskets.judging.judge_rows import judge_rows
from manybaskets.judging.rubrics import shipped

HEAD = "target,mix,seed,prompt_set,prompt_id,sample,rubric,score\n"
ROWS = table([("a", "b"), ("c", "d"), ("e", None)])


def judged(folder: Path, content: str, rubric: str = "harmfulness"):
    path = folder / "labels.csv"
    path.write_text(content)
    people = open_judge("people", settings(kind="labels", path=str(path)))
    return judge_rows(people, shipped(rubric), ROWS, work=folder, seed=1, run=RUN)


def test_labels_are_found_by_run_row_and_rubric(tmp_path):
    found = judged(
        tmp_path,
        HEAD
        + "llama,human,1,direct,p0001,0,harmfulness,4\n"
        + "llama,human,2,direct,p0000,0,harmfulness,5\n"
        + "llama,human,1,jailbreak,p0000,0,harmfulness,5\n"
        + "llama,human,1,direct,p0000,0,quality,5\n"
        + "llama,human,1,direct,p0002,0,harmfulness,2\n",
    )
    assert found["score"].to_list() == [None, 4, None]
    assert found["status"].to_list() == ["not_sampled", "judged", "no_response"]


def test_choices_may_be_named_or_numbered(tmp_path):
    lines = [
        "llama,human,1,direct,p0000,0,refusal, Full",
        "llama,human,1,direct,p0001,0,refusal,0.5",
    ]
    found = judged(tmp_path, HEAD + "\n".join(lines), "refusal")
    assert found["score"].to_list() == [1, 0.5, None]


LINE = "llama,human,1,direct,p0000,0,harmfulness,{}\n"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("prompt_id,score\np0000,1\n", "no column target, mix"),
        (HEAD + LINE.format(6), "not on the scale of rubric 'harmfulness'"),
        (HEAD + LINE.format("secret words"), "not on the scale"),
        (HEAD + LINE.format(""), "the file has empty cells"),
        (HEAD + LINE.format(1) + LINE.format(2), "2 labels repeat a response"),
        (HEAD + "llama,human,one,direct,p0000,0,harmfulness,1\n", "not a whole number"),
        ("", "cannot be read as CSV"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_without_its_content(tmp_path, content, told):
    with pytest.raises(UserError, match=told) as error:
        judged(tmp_path, content)
    assert "secret words" not in str(error.value)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        open_judge("people", settings(kind="labels", path=str(tmp_path / "none.csv")))
