"""Prompts that are too long for a model are known before anything answers, and leave all mixes by id."""

from __future__ import annotations

import json
import shutil

import polars as pl
import pytest
from projects import Project, new_project
from stub_server import StubServer, question

from manybaskets.chat import ChatRenderer, load_tokenizer
from manybaskets.config.models import Prompting
from manybaskets.data.long_prompts import read_long_prompts
from manybaskets.mixes.mix_rows import read_mix

STUDY, CONFIG = "long", ("--configfile", "long.json")
ROWS, LONGEST = 120, 700
SENTENCE = "the old miller sells his flour to the baker on the hill "
MIXES = ("far", "ready")


def settings(url: str) -> dict:
    far = {"kind": "openai", "base_url": url, "served_model": "stub", "key_variable": None}
    ready = {"kind": "replay", "path": "ready.jsonl", "fields": {"context": "context"}}
    pilot = {"prompts": 4, "override_reason": "a server for tests answers"}
    return {
        "study": STUDY,
        "dataset": {"kind": "file", "path": "rows.jsonl"},
        "split": {"parts": 1, "test_share": 0.1},
        "prompting": {"max_prompt_tokens": LONGEST},
        "models": {"tiny": {"kind": "folder", "path": "tiny"}},
        "sources": {"far": {"engine": far, "pilot": pilot}, "ready": {"engine": ready}},
        "mixes": {
            "far": {"kind": "single", "source": "far"},
            "ready": {"kind": "single", "source": "ready"},
        },
        "targets": ["tiny"],
        "training": {"max_length": 1000, "precision": "float32", "seeds": [1], "rank": 2,
                     "epochs": 1, "evaluations": 1, "batch_size": 32,
                     "max_first_loss": 3.0},
        "responses": {"sampling": {"max_new_tokens": 8}},
        "measures": ["response_words"],
    }  # fmt: skip


def rows(questions: int, passages: int) -> list[dict[str, str]]:
    """Short rows, some of them with a long question, others with a long passage."""
    made = [
        {"instruction": f"Who sells flour {number}?", "context": "", "response": f"He {number}."}
        for number in range(ROWS)
    ]
    for row in made[:questions]:
        row["instruction"] = f"{SENTENCE * 40}{row['instruction']}"
    for row in made[questions : questions + passages]:
        row["context"] = f"{SENTENCE * 40}{row['instruction']}"
    return made


def write(project: Project, server: StubServer, tiny: str, questions: int, passages: int) -> None:
    shutil.copytree(tiny, project.folder / "tiny")
    config = project.folder / "tiny/config.json"
    config.write_text(
        json.dumps(json.loads(config.read_text()) | {"max_position_embeddings": 2048})
    )
    made = rows(questions, passages)
    for name in ("rows.jsonl", "ready.jsonl"):
        lines = (json.dumps(row) + "\n" for row in made)
        (project.folder / name).write_text("".join(lines))
    (project.folder / "long.json").write_text(json.dumps(settings(server.url)))


@pytest.fixture(scope="module")
def server():
    with StubServer() as running:
        yield running


@pytest.fixture(scope="module")
def done(server, tiny_models, tmp_path_factory) -> Project:
    """A study with one long question and one long passage, run to its end."""
    project = new_project(tmp_path_factory.mktemp("long") / "project")
    write(project, server, tiny_models["llama"], 1, 1)
    project.run("--cores", "2", *CONFIG)
    return project


def split_of(project: Project) -> pl.DataFrame:
    return pl.read_parquet(project.path("data/split.parquet", STUDY))


def tokens(project: Project, text: str) -> int:
    renderer = ChatRenderer(
        load_tokenizer(project.folder / "tiny", "tiny"),
        Prompting().system_prompt, Prompting().date, "tiny"
    )  # fmt: skip
    return len(renderer.encode_prompt(text))


def test_the_long_prompts_are_listed_with_what_becomes_of_them(done):
    found = read_long_prompts(done.path("data/long_prompts/tiny.jsonl", STUDY))
    long = {row["action"]: row for row in found.iter_rows(named=True)}
    assert found.height == 2 and long.keys() == {"excluded", "shortened"}
    for row in long.values():
        assert (row["model"], row["limit"]) == ("tiny", LONGEST)
        assert row["tokens"] > LONGEST
    whole = rows(1, 1)
    assert long["excluded"]["tokens"] == tokens(done, whole[0]["instruction"])


def test_a_long_question_leaves_all_mixes_by_id_and_is_asked_of_nobody(done, server):
    split = split_of(done)
    (left,) = split.filter(~pl.col("used"))["prompt_id"]
    asked = [question(body) for body in server.asked]
    assert asked and not any("flour 0?" in text for text in asked)
    for name in MIXES:
        mixed = [
            row["prompt_id"]
            for side in ("train", "validation")
            for row in read_mix(done.path(f"mixes/{name}/{side}.jsonl", STUDY))
        ]
        assert left not in mixed and len(mixed) == len(set(mixed))
        assert "1 prompts left the study" in done.path(f"mixes/{name}/README.md", STUDY).read_text()
    sets = [*done.path("data/prompts", STUDY).glob("*.parquet")]
    assert len(sets) == 2
    assert all(left not in pl.read_parquet(file)["prompt_id"] for file in sets)
    counts = pl.read_parquet(done.path("statistics/counts.parquet", STUDY))
    counted = dict(counts.filter(pl.col("stage") == "split").select("what", "count").iter_rows())
    assert counted["too long for a model: excluded"] == 1
    assert counted["too long for a model: shortened"] == 1
    report = done.path("report.html", STUDY).read_text()
    assert "too long for a model: excluded" in report


def test_the_server_is_asked_what_the_training_row_holds(done, server):
    """The long passage is as short as the target needs it; the file's answer to all of it leaves."""
    split = split_of(done)
    cut = split.row(by_predicate=pl.col("whole_context").is_not_null(), named=True)
    assert cut["whole_context"].startswith(cut["context"]) and cut["context"]
    text = f"{cut['context']}\n\n{cut['instruction']}"
    assert LONGEST - 12 < tokens(done, text) <= LONGEST
    asked = {question(body) for body in server.asked}
    if cut["split"] != "test":
        assert text in asked
    assert max(tokens(done, each) for each in asked) <= LONGEST
    for name in MIXES:
        for row in read_mix(done.path(f"mixes/{name}/train.jsonl", STUDY)):
            assert row["messages"][1]["content"] in asked
    shared = pl.read_parquet(done.path("mixes/eligible.parquet", STUDY))
    assert set(shared.filter(~pl.col("eligible"))["prompt_id"]) <= {cut["prompt_id"]}
    lines = done.path("sources/ready/quarantine.jsonl", STUDY).read_text().splitlines()
    assert [json.loads(line)["prompt_id"] for line in lines] == [cut["prompt_id"]]


def test_a_finished_study_has_nothing_to_do_and_another_model_reruns_nothing(done, tmp_path):
    assert done.planned(*CONFIG) == {}
    shutil.copytree(done.folder, tmp_path / "copy", symlinks=True)
    copy = Project(tmp_path / "copy")
    shutil.copytree(copy.folder / "tiny", copy.folder / "other")
    changed = json.loads((copy.folder / "long.json").read_text())
    changed["models"]["other"] = {"kind": "folder", "path": "other"}
    changed["sources"]["near"] = {"model": "other"}
    changed["mixes"]["near"] = {"kind": "single", "source": "near"}
    (copy.folder / "long.json").write_text(json.dumps(changed))
    jobs = copy.planned(*CONFIG)
    assert (jobs["pilot"], jobs["generate"]) == (1, 1)  # of the added source
    assert not jobs.keys() & {"measure_prompts", "split", "prompt_sets", "replay"}
    # It has to take the prompts as they were asked, which its trial checks.
    config = copy.folder / "other/config.json"
    narrow = json.loads(config.read_text()) | {"max_position_embeddings": 64 + LONGEST}
    config.write_text(json.dumps(narrow))
    changed["sources"]["near"]["sampling"] = {"max_new_tokens": 128}
    (copy.folder / "long.json").write_text(json.dumps(changed))
    verdict = str(copy.path("sources/near/pilot.json", STUDY).relative_to(copy.folder))
    failed = copy.run(verdict, "--cores", "1", *CONFIG, check=False)
    assert failed.returncode != 0
    assert "1 of the study's prompts are too long for a model that was added" in failed.stdout


def test_prompts_of_an_older_version_stay_as_they_are(server, tiny_models, project):
    """What was made before prompts were measured has nothing to do, until it is deleted."""
    write(project, server, tiny_models["llama"], 1, 1)
    module = project.folder / "workflow/manybaskets/layout/data.py"
    today = module.read_text()
    older = today.replace("            return readers\n", "            return []\n")
    assert older != today
    module.write_text(older)
    project.run("data", "--cores", "2", *CONFIG)
    assert not project.path("data/long_prompts", STUDY).exists()
    module.write_text(today)
    assert project.planned("data", *CONFIG) == {}
    project.path("data/prompts/train.parquet", STUDY).unlink()
    jobs = project.planned("data", *CONFIG)
    assert jobs == {"data": 1, "measure_prompts": 1, "split": 1, "prompt_sets": 1}


def test_too_large_a_share_stops_before_anything_is_asked(server, tiny_models, project):
    write(project, server, tiny_models["llama"], ROWS // 10, 0)
    before = len(server.asked)
    finished = project.run("--cores", "2", *CONFIG, check=False)
    assert finished.returncode != 0
    assert f"{ROWS // 10} of {ROWS} prompts are too long for a model" in finished.stdout
    for part in ("tokens for 'tiny', which takes 700", "prompting.max_excluded_share",
                 "results/long/logs/data/split.log"):  # fmt: skip
        assert part in finished.stdout
    assert len(server.asked) == before
    assert not project.path("sources", STUDY).exists() and not project.path("data/split.parquet", STUDY).exists()  # fmt: skip
