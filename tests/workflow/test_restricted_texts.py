"""A real run with marked prompts and answers: the marks stay in the restricted folder."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path

import polars as pl
import pytest
import yaml
from browsed_study import unpacked
from projects import REPOSITORY, Project, new_project

PROMPT, TEMPLATE, ANSWER = "MARKEDPROMPT", "MARKEDTEMPLATE", "MARKEDANSWER"
MARKS = (PROMPT, TEMPLATE, ANSWER)


def planted(folder: Path) -> Project:
    """The smallest study, asked with prompts of the user's own files."""
    project = new_project(folder)
    requests = {f"kind {n}": [f"{PROMPT} {n} {i}: open it" for i in range(3)] for n in range(2)}
    (folder / "requests.json").write_text(json.dumps(requests))
    templates = [{"Prompt": f"{TEMPLATE} {n} [INSERT PROMPT HERE]", "Votes": 20} for n in range(2)]
    (folder / "templates.jsonl").write_text("\n".join(map(json.dumps, templates)))
    looks = [{"prompt": f"{PROMPT} harmless {n}"} for n in range(3)]
    (folder / "looks.jsonl").write_text("\n".join(map(json.dumps, looks)))
    settings = yaml.safe_load((REPOSITORY / "tests/cluster/small.yaml").read_text())
    settings["measures"] = ["human_nll", "response_words"]  # nothing that needs sentence vectors
    settings["judges"] = {
        "harm": {"kind": "rule", "rule": "world_harm"},
        "quality": {"kind": "rule", "rule": "world_quality"},
        "refusal": {"kind": "rule", "rule": "world_refusal"},
        "tiny": {"kind": "model", "model": "llama", "rubrics": "resources/rubrics/embedded",
                 "retries": 1, "on_failed_canaries": "mark",
                 "sampling": {"temperature": 0, "max_new_tokens": 8}},
    }  # fmt: skip
    settings["robustness"] = {
        "requests": {"kind": "file", "path": "requests.json"},
        "templates": {"kind": "file", "path": "templates.jsonl"},
        "benign": {"kind": "file", "path": "looks.jsonl"},
        "per_category": 2,
        "control_prompts": 4,
        "responses": {"sampling": {"max_new_tokens": 8}},
        "judges": {"harm": ["harm", "tiny"], "quality": ["quality"], "refusal": ["refusal"]},
        "same_family": "mark",
    }
    (folder / "planted.yaml").write_text(yaml.safe_dump(settings))
    return project


def run(project: Project, *arguments: str, **options):
    return project.run("--cores", "2", "--configfile", "planted.yaml", "--", *arguments, **options)


def plant_answers(project: Project) -> None:
    """Put a mark into every answer, as if a model had given it."""
    for file in project.path("restricted/responses", "small").rglob("*.parquet"):
        frame = pl.read_parquet(file)
        metadata = pl.read_parquet_metadata(file)
        kept = {key: value for key, value in metadata.items() if key == "manybaskets"}
        marked = frame.with_columns(text=pl.lit(f"{ANSWER} ") + pl.col("text"))
        marked.write_parquet(file, metadata=kept)
    # As if an older version had written them, which recorded no digests.
    shutil.rmtree(project.path("digests", "small"))


def said(file: Path) -> str:
    """What a file holds, unpacked."""
    if file.suffix == ".parquet":
        return str(pl.read_parquet(file).to_dicts()) + str(pl.read_parquet_metadata(file))
    if "browse" in file.parts and file.suffix == ".js" and "data" in file.parts:
        return unpacked(file).decode("utf-8", errors="replace")
    return file.read_bytes().decode("utf-8", errors="replace")


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> tuple[Project, str]:
    """The project after all of the experiment and the report, and all that was printed."""
    project = planted(tmp_path_factory.mktemp("planted") / "project")
    answers = [
        str(project.path(f"restricted/responses/llama/{each}/{name}.parquet", "small").relative_to(project.folder))
        for each in ("vanilla/seed0", "human/seed1", "single/seed1")
        for name in ("direct", "jailbreak", "benign")
    ]  # fmt: skip
    printed = [run(project, *answers).stdout]
    plant_answers(project)
    printed.append(run(project, "robustness", "figures", "report", "browse").stdout)
    return project, "".join(printed)


def test_marks_are_nowhere_else(ran):
    project, printed = ran
    own = {"requests.json", "templates.jsonl", "looks.jsonl"}
    searched, restricted = [], ""
    for file in project.folder.rglob("*"):
        if not file.is_file() or file.name in own:
            continue
        if "restricted" in file.relative_to(project.folder).parts:
            restricted += said(file)
        else:
            searched.append(file)
    assert all(mark in restricted for mark in MARKS)
    assert {file.suffix for file in searched} >= {
        ".parquet",
        ".log",
        ".html",
        ".svg",
        ".csv",
        ".json",
    }
    assert any("browse" in file.parts and file.suffix == ".js" for file in searched)
    for file in searched:
        text = said(file)
        assert not any(mark in text for mark in MARKS), file
    assert not any(mark in printed for mark in MARKS)


def test_scores_are_of_the_marked_answers(ran):
    """The marks went through the judges: what is clean is clean because texts are held back."""
    project, _ = ran
    scores = pl.read_parquet(project.path("robustness/scores/llama/human/seed1.parquet", "small"))
    assert scores.filter(status="judged").height > 30
    assert scores.filter(judge="tiny")["status"].is_in(["judged", "judge_failed"]).all()
    report = project.path("report.html", "small").read_text()
    assert 'id="robustness"' in report


def test_only_the_owner_may_look(ran):
    project, _ = ran
    folder = project.path("restricted", "small")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert len(files) > 20
    # A file of answers that the test wrote over keeps its rights.
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert "safety evaluation" in (folder / "NOTICE.txt").read_text()


def test_judges_that_are_related_are_told_at_the_start(ran):
    _, printed = ran
    assert "judge 'tiny' is of the model family of 'llama'" in printed


def test_texts_are_shown_on_request_and_in_the_restricted_folder_alone(ran):
    project, _ = ran
    settings = yaml.safe_load((project.folder / "planted.yaml").read_text())
    settings["robustness"]["show_texts"] = 1
    (project.folder / "planted.yaml").write_text(yaml.safe_dump(settings))
    page = project.path("restricted/examples.html", "small")
    assert not page.exists()
    finished = run(project, "robustness")
    assert "1 of 2 steps" in finished.stdout or "robustness_examples" in finished.stdout
    assert ANSWER in page.read_text() and stat.S_IMODE(page.stat().st_mode) == 0o600
    assert not any(mark in finished.stdout for mark in MARKS)
