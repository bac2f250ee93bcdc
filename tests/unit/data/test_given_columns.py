"""Columns that a user's file lacks are known when the config is read, without reading all of it."""

from __future__ import annotations

import gzip
import json

import polars as pl
import pytest

from manybaskets.config.study import Study
from manybaskets.data.given_columns import check_given_columns
from manybaskets.errors import UserError
from manybaskets.experiments import experiments_of
from manybaskets.layout import Files

ROW = {"instruction": "Who?", "context": "", "response": "He."}


def study(path, **changes) -> Study:
    return Study.model_validate(
        {
            "study": "s",
            "dataset": {"kind": "file", "path": str(path)},
            "source_analysis": {"measures": ["response_words"]},
        }
        | changes
    )


def write(path, *rows: dict):
    if path.suffix == ".parquet":
        pl.DataFrame(list(rows)).write_parquet(path)
    elif path.suffix == ".csv":
        pl.DataFrame(list(rows)).write_csv(path)
    else:
        text = "".join(json.dumps(row) + "\n" for row in rows)
        data = text.encode()
        path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def error_of(checked: Study) -> str:
    files = Files(checked)
    stages = [files.stage(each.files) for each in experiments_of(checked)]
    with pytest.raises(UserError) as error:
        check_given_columns(checked, stages)
    return str(error.value)


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.csv", "a.parquet"])
def test_a_missing_column_is_named_with_those_that_are_there(tmp_path, name):
    full = write(tmp_path / name, ROW, ROW)
    check_given_columns(study(full))
    lacking = write(tmp_path / name, {"instruction": "Who?", "response": "He."})
    text = error_of(study(lacking))
    assert "there is no column 'context'" in text and f"dataset.path: {lacking}" in text
    assert "instruction, response" in text and "dataset.fields.context" in text
    fields = {"context": None}
    check_given_columns(
        study(lacking, dataset={"kind": "file", "path": str(lacking), "fields": fields})
    )


def test_rows_may_leave_out_keys(tmp_path):
    check_given_columns(study(write(tmp_path / "a.jsonl", {"instruction": "Who?"}, ROW)))


def test_only_as_much_as_it_takes_is_read(tmp_path):
    """A damaged row further on is left to the job, which names its line."""
    file = write(tmp_path / "a.jsonl", ROW)
    file.write_text(file.read_text() + '{"instruction": "Wh\n')
    check_given_columns(study(file))


@pytest.mark.parametrize("content", [b"", b"[1, 2]\n", b'{"instruction": "Wh\n', b"\xff\xfe"])
def test_what_is_no_table_is_left_to_the_job(tmp_path, content):
    (tmp_path / "a.jsonl").write_bytes(content)
    check_given_columns(study(tmp_path / "a.jsonl"))
    (tmp_path / "b.parquet").write_bytes(content)
    check_given_columns(study(tmp_path / "b.parquet"))
    check_given_columns(study(tmp_path / "none.csv"))


def replaying(tmp_path, fields: dict, *rows: dict) -> Study:
    file = write(tmp_path / "ready.jsonl", *rows)
    engine = {"kind": "replay", "path": str(file), "fields": fields}
    return study(write(tmp_path / "a.jsonl", ROW), sources={"ready": {"engine": engine}})


def test_ready_answers_need_texts_or_ids(tmp_path):
    fields = {"context": None, "response": "output"}
    check_given_columns(replaying(tmp_path, fields, {"instruction": "Who?", "output": "He."}))
    check_given_columns(replaying(tmp_path, fields, {"prompt_id": "a", "output": "He."}))
    text = error_of(replaying(tmp_path, fields, {"instruction": "Who?", "answer": "He."}))
    assert "'output'" in text and "sources.ready.engine.fields.response" in text
    text = error_of(replaying(tmp_path, fields, {"prompt_id": "a", "answer": "He."}))
    assert "'output'" in text
    text = error_of(replaying(tmp_path, fields, {"question": "Who?", "output": "He."}))
    assert "'instruction'" in text


def test_conversations_need_their_column(tmp_path):
    turns = [{"role": "user", "content": "Who?"}]
    file = write(tmp_path / "a.jsonl", {"messages": turns})
    dataset = {"kind": "file", "path": str(file), "fields": {"messages": "messages"}}
    check_given_columns(study(file, dataset=dataset))
    dataset["fields"] = {"messages": "turns"}
    assert "dataset.fields.messages" in error_of(study(file, dataset=dataset))


def test_a_prompt_set_needs_no_answers(tmp_path):
    file = write(tmp_path / "set.jsonl", {"instruction": "Who?", "context": ""})
    rows = write(tmp_path / "a.jsonl", ROW)
    sets = {"own": {"kind": "file", "path": str(file)}}
    check_given_columns(study(rows, prompt_sets=sets))
    write(file, {"question": "Who?", "context": ""})
    assert "prompt_sets.own.fields.instruction" in error_of(study(rows, prompt_sets=sets))


def test_a_mistyped_column_is_answered_with_the_close_one(tmp_path):
    path = write(tmp_path / "a.csv", {"instruction": "Who?", "contxt": "", "response": "He."})
    assert "there is no column 'context'; did you mean 'contxt'?" in error_of(study(path))
