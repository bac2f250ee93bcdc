"""A study of a model with arguments for its template, and of rows that spell a control token."""

from __future__ import annotations

import json
import shutil

import polars as pl
import pytest
import yaml
from projects import new_project

from manybaskets.records.writing import read_metadata

TERSE = {"terse": True}
STUDY = {
    "study": "terse",
    "dataset": {"kind": "file", "path": "rows.jsonl", "fields": {"context": None}},
    "split": {"parts": 1, "test_share": 0.2},
    "prompting": {"max_prompt_tokens": 150},
    "models": {"m": {"kind": "folder", "path": "model", "template_arguments": TERSE}},
    "sources": {
        "m": {
            "model": "m",
            "sampling": {"max_new_tokens": 4},
            "pilot": {"prompts": 0},
            "quality": {"retries": 0, "max_failed_share": 0.99},  # it is not trained
        }
    },
    "mixes": {"people": {"kind": "human"}},
    "control_text": "exclude",
    "targets": ["m"],
    "training": {"max_length": 240},
    "responses": {"sampling": {"max_new_tokens": 4}, "max_empty_share": 0.9},
    "scoring": {"no_scorer_reason": "nothing is measured here"},
    "divergence": {"prompts": 0},
    "measures": ["response_words"],
}
ANSWERS = "sources/m/train.parquet"
TESTED = "runs/m/vanilla/seed0/responses/test.parquet"
TRAIN = "mixes/people/train.jsonl"


@pytest.fixture(scope="module")
def project(tiny_models, tmp_path_factory):
    project = new_project(tmp_path_factory.mktemp("terse") / "project")
    shutil.copytree(tiny_models["qwen"], project.folder / "model")
    template = project.folder / "model/chat_template.jinja"
    template.write_text(template.read_text() + "{% if terse %}In a word: {% endif %}")
    rows = [
        {
            "instruction": f"What is {'<|end|>' if n % 5 == 0 else n} and {n}?",
            "response": f"It is {n}.",
        }
        for n in range(40)
    ]
    (project.folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    write(project, STUDY)
    return project


def write(project, study):
    (project.folder / "terse.yaml").write_text(yaml.safe_dump(study, sort_keys=False))


def files(project, *names):
    return [str(project.path(name, "terse").relative_to(project.folder)) for name in names]


def run(project, *arguments, **options):
    return project.run("--cores", "2", *arguments, "--configfile", "terse.yaml", **options)


def test_the_arguments_are_on_record_and_in_the_prompts(project):
    run(project, *files(project, ANSWERS, TESTED, TRAIN))
    for name in (ANSWERS, TESTED):
        assert read_metadata(project.path(name, "terse"))["template_arguments"] == TERSE


def test_rows_that_spell_a_control_token_leave_all_mixes_and_are_counted(project):
    eligible = pl.read_parquet(project.path("mixes/eligible.parquet", "terse"))
    split = pl.read_parquet(project.path("data/split.parquet", "terse"))
    gone = eligible.filter(~pl.col("eligible")).join(split, on="prompt_id")
    used = split.filter(pl.col("split") != "test")
    spelled = used.filter(pl.col("instruction").str.contains("<|", literal=True))
    assert set(gone["prompt_id"]) == set(spelled["prompt_id"]) and gone.height >= 1
    assert set(gone["reason"]) == {"control text"}
    made = read_metadata(project.path(ANSWERS, "terse"))
    assert made["prompts_with_control_text"] == spelled.height


def test_other_arguments_answer_anew_and_the_dataset_stays(project):
    wanted = files(project, ANSWERS, TESTED, TRAIN)
    names = [*wanted, "--configfile", "terse.yaml"]
    assert project.planned(*names) == {}
    write(project, STUDY | {"models": {"m": STUDY["models"]["m"] | {"template_arguments": {}}}})
    again = project.planned(*names)
    assert {"generate", "respond", "lengths"} <= again.keys()
    assert not {"dataset", "clean"} & again.keys()
    unknown = STUDY["models"]["m"] | {"template_arguments": {"trse": True}}
    write(project, STUDY | {"models": {"m": unknown}})
    failed = run(project, *wanted, "-n", check=False)
    write(project, STUDY)
    assert failed.returncode and "model 'm' does not read trse" in failed.stdout
    assert "variables that the template reads: terse" in failed.stdout
