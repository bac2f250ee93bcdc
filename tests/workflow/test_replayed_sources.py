"""A study whose answers were there before: four sources from files, up to the mixes, without a GPU."""

from __future__ import annotations

import gzip
import json
import shutil

import polars as pl
import pytest
import yaml
from projects import new_project

from manybaskets.mixes.mix_rows import read_mix
from manybaskets.records.writing import read_metadata

STUDY = "ready"
SOURCES = ["qwen1.5-7b", "gpt-4o", "gemini-pro", "cohere-command"]
REFERENCE = "llama-3.1-405b"
FIELDS = {"context": None, "response": "output"}


def read(path) -> dict[str, str]:
    """Answers by instruction."""
    with gzip.open(path, "rt", encoding="utf-8") as handle:
        rows = [json.loads(line) for line in handle]
    return {row["instruction"].strip(): row["output"] for row in rows}


def settings() -> dict:
    sources = {
        name: {"engine": {"kind": "replay", "path": f"answers/{name}.jsonl.gz", "fields": FIELDS}}
        for name in SOURCES
    }
    singles = {f"single-{name}": {"kind": "single", "source": name} for name in SOURCES}
    return {
        "study": STUDY,
        "dataset": {"kind": "file", "path": "prompts.jsonl", "fields": FIELDS},
        "split": {"test_share": 0.1, "validation_share": 0.1, "parts": 4},
        "prompting": {"max_prompt_tokens": 1500},
        "models": {"tiny": {"kind": "folder", "path": "tiny"}},
        "sources": sources,
        "mixes": singles | {"multi": {"kind": "multi", "sources": SOURCES}},
        "targets": ["tiny"],
        "training": {"max_length": 12000, "precision": "float32", "seeds": [1]},
        "measures": ["response_words"],
    }


@pytest.fixture(scope="module")
def answers(dolly):
    """Answers of every source and of the reference, by instruction."""
    folder = dolly.parent / "alpacaeval"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not on this machine")
    return folder


@pytest.fixture(scope="module")
def done(answers, tiny_models, tmp_path_factory):
    """The study, run up to its mixes; its prompts are the last 300 of another model's file."""
    project = new_project(tmp_path_factory.mktemp("ready") / "project")
    shutil.copytree(tiny_models["llama"], project.folder / "tiny")
    config = project.folder / "tiny/config.json"
    longer = json.loads(config.read_text()) | {"max_position_embeddings": 16384}
    config.write_text(json.dumps(longer))
    (project.folder / "answers").mkdir()
    for name in SOURCES:
        shutil.copy2(answers / f"{name}.jsonl.gz", project.folder / "answers")
    with gzip.open(answers / f"{REFERENCE}.jsonl.gz", "rt", encoding="utf-8") as handle:
        lines = handle.readlines()[-300:]
    # The empty answer must be among them: it is to be an error, and to leave all mixes.
    empty = [text for text, answer in read(answers / "gemini-pro.jsonl.gz").items() if not answer]
    lines += [
        json.dumps({"instruction": empty[0], "output": "A reference.", "dataset": "x"}) + "\n"
    ]
    kept = {json.loads(line)["instruction"].strip(): line for line in lines}
    (project.folder / "prompts.jsonl").write_text("".join(kept.values()))
    (project.folder / "ready.yaml").write_text(yaml.safe_dump(settings(), sort_keys=False))
    project.run("mixes", "--cores", "2", "--configfile", "ready.yaml")
    return project


def test_every_source_answers_every_training_prompt_with_its_own_answer(done, answers):
    prompts = pl.read_parquet(done.path("data/prompts/train.parquet", STUDY))
    assert prompts.height > 260
    errors = {}
    for name in SOURCES:
        own = read(answers / f"{name}.jsonl.gz")
        frame = pl.read_parquet(done.path(f"sources/{name}/train.parquet", STUDY))
        assert frame["prompt_id"].to_list() == sorted(prompts["prompt_id"])
        joined = prompts.join(frame, on="prompt_id")
        for instruction, text in joined.select("instruction", "text").iter_rows():
            assert text is None or text == own[instruction]
        lines = done.path(f"sources/{name}/quarantine.jsonl", STUDY).read_text().split("\n")[:-1]
        apart = {row["prompt_id"]: row["text"] for row in map(json.loads, lines)}
        instructions = dict(prompts.select("prompt_id", "instruction").iter_rows())
        assert all(text == own[instructions[each]] for each, text in apart.items())
        failed = frame.filter(pl.col("text").is_null())
        assert failed.height - len(apart) == (name == "gemini-pro")
        errors[name] = set(failed["prompt_id"])
    assert "unused" in done.path("logs/sources/gpt-4o/replay.log", STUDY).read_text()
    # What failed in one source leaves all mixes.
    shared = pl.read_parquet(done.path("mixes/eligible.parquet", STUDY))
    left = shared.filter(pl.col("reason") == "failed answer")
    assert set(left["prompt_id"]) == set.union(*errors.values()) and left.height
    for mix in ["multi", *(f"single-{name}" for name in SOURCES)]:
        rows = read_mix(done.path(f"mixes/{mix}/train.jsonl", STUDY))
        rows += read_mix(done.path(f"mixes/{mix}/validation.jsonl", STUDY))
        ids = shared.filter(pl.col("eligible"))["prompt_id"].to_list()
        assert sorted(row["prompt_id"] for row in rows) == sorted(ids)


def test_the_mix_of_four_takes_each_answer_from_the_source_of_its_part(done, answers):
    own = {name: read(answers / f"{name}.jsonl.gz") for name in SOURCES}
    rows = read_mix(done.path("mixes/multi/train.jsonl", STUDY))
    for row in rows:
        assert row["source"] == SOURCES[row["part"] - 1]
        *_, question, answer = row["messages"]
        assert answer["content"].strip() == own[row["source"]][question["content"]].strip()
    assert {row["source"] for row in rows} == set(SOURCES)


def test_nothing_generates_and_nothing_runs_twice(done):
    """The rest of the study is planned with no job of an engine; the mixes are finished."""
    assert done.planned("mixes", "--configfile", "ready.yaml") == {}
    planned = done.planned("--configfile", "ready.yaml")
    assert planned["train"] == 5
    assert not {"generate", "collect", "pilot", "replay", "fetch_answers"} & set(planned)


def test_another_file_replays_its_own_source_only(done, tmp_path):
    shutil.copytree(done.folder, tmp_path / "copy", symlinks=True)
    copy = type(done)(tmp_path / "copy")
    file = copy.folder / "answers/gpt-4o.jsonl.gz"
    rows = read(file)
    with gzip.open(file, "wt", encoding="utf-8") as handle:
        for instruction, text in reversed(rows.items()):
            handle.write(
                json.dumps({"instruction": instruction, "output": f"{text} Indeed."}) + "\n"
            )
    target = ["results/ready/sources/gpt-4o/train.parquet"]
    target += ["results/ready/sources/qwen1.5-7b/train.parquet"]
    assert copy.planned(*target, "--configfile", "ready.yaml") == {"replay": 1}
    copy.run(*target, "--cores", "1", "--configfile", "ready.yaml")
    texts = pl.read_parquet(copy.path("sources/gpt-4o/train.parquet", STUDY))["text"].drop_nulls()
    assert texts.str.ends_with(" Indeed.").all()


def plan(project, edit) -> str:
    """What a dry-run of the changed study prints; it must fail without a traceback."""
    changed = settings()
    edit(changed["sources"]["gpt-4o"]["engine"])
    (project.folder / "changed.yaml").write_text(yaml.safe_dump(changed))
    finished = project.run("-n", "--configfile", "changed.yaml", check=False)
    assert finished.returncode != 0
    assert "Traceback (most recent call last)" not in finished.stdout
    return finished.stdout


def test_a_missing_file_stops_the_plan(done):
    text = plan(done, lambda engine: engine.update(path="answers/gpt-5.jsonl.gz"))
    assert "the answers file of source 'gpt-4o' does not exist" in text
    assert "sources.gpt-4o.engine.path: answers/gpt-5.jsonl.gz" in text


def test_a_dataset_of_the_hub_is_fetched_first(done, answers):
    """The library `datasets` takes a folder in place of a repository, so no network is needed."""
    (done.folder / "repository").mkdir()
    shutil.copy2(answers / "gpt-4o.jsonl.gz", done.folder / "repository")
    changed = settings() | {"study": "fetched"}
    hub = {"kind": "replay", "repo": "repository", "revision": "abc", "fields": FIELDS}
    changed["sources"]["gpt-4o"]["engine"] = hub
    (done.folder / "fetched.yaml").write_text(yaml.safe_dump(changed))
    planned = done.planned("mixes", "--configfile", "fetched.yaml")
    assert (planned["fetch_answers"], planned["replay"]) == (1, 4)
    file = "sources/gpt-4o/train.parquet"
    cache = str(done.folder / "cache")
    done.run(
        f"results/fetched/{file}", "--cores", "1", "--configfile", "fetched.yaml", HF_HOME=cache
    )
    fetched, own = (done.path(file, study) for study in ("fetched", STUDY))
    assert pl.read_parquet(fetched).equals(pl.read_parquet(own))
    metadata = read_metadata(fetched)
    assert (metadata["model"], metadata["revision"]) == ("repository", "abc")


def test_a_file_that_lacks_prompts_stops_its_source(done, tmp_path):
    shutil.copytree(done.folder, tmp_path / "copy", symlinks=True)
    copy = type(done)(tmp_path / "copy")
    file = copy.folder / "answers/gpt-4o.jsonl.gz"
    with gzip.open(file, "rt", encoding="utf-8") as handle:
        lines = handle.readlines()
    with gzip.open(file, "wt", encoding="utf-8") as handle:
        handle.writelines(lines[:-100])
    finished = copy.run("mixes", "--cores", "1", "--configfile", "ready.yaml", check=False)
    assert finished.returncode != 0
    assert "prompts have no row in the answers file" in finished.stdout
    assert "results/ready/logs/sources/gpt-4o/replay.log" in finished.stdout
    assert not copy.path("sources/gpt-4o/train.parquet", STUDY).exists()
