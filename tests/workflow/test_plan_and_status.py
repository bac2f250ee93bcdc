"""`snakemake plan` and `snakemake status`, typed as a user types them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time

import pytest
from projects import Project, new_project

SMALL = {
    "study": "small",
    "dataset": {"kind": "embedded", "rows": 400, "towns": 16},
    "split": {"parts": 2},
    "prompting": {"max_prompt_tokens": 160},
    "tiny": {"steps": 60, "conversations": 2000},
    "models": {name: {"kind": "embedded", "architecture": name, "habit": "lister"}
               for name in ("llama", "qwen")},
    "sources": {
        name: {
            "model": name,
            "sampling": {"temperature": 0.5, "top_p": 0.9, "max_new_tokens": 48},
            "pilot": {"prompts": 8, "override": "a trial of the code"},
            "quality": {"max_failed_share": 0.9},
        }
        for name in ("llama", "qwen")
    },
    "mixes": {"human": {"kind": "human"}, "multi": {"kind": "multi", "sources": ["llama", "qwen"]}},
    "targets": ["llama"],
    "training": {"rank": 4, "epochs": 1, "learning_rate": 0.005, "batch_size": 16, "max_length": 256,
                 "evaluations": 2, "precision": "float32", "seeds": [1]},
    "responses": {"sampling": {"temperature": 0.8, "top_p": 0.95, "max_new_tokens": 48}},
    "measures": ["human_nll", "response_words", "self_bleu", "semantic_between"],
}  # fmt: skip
CONFIG = ("--configfile", "small.json")


def seconds_taken(project: Project, folder: str) -> float:
    """Sum of the seconds in the benchmarks of a part of the small study."""
    files = (project.path("benchmarks", "small") / folder).rglob("*.tsv")
    return sum(float(file.read_text().splitlines()[-1].split("\t")[0]) for file in files)


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Project:
    """A small study, run once; tests copy it."""
    project = new_project(tmp_path_factory.mktemp("small") / "project")
    (project.folder / "small.json").write_text(json.dumps(SMALL))
    project.run("--cores", "2", *CONFIG)
    return project


def test_the_plan_of_a_study_that_has_not_begun(project):
    printed = project.run("plan", "--cores", "2").stdout
    assert "Plan of the study embedded" in printed and "with 2 cores at a time" in printed
    assert "800 that sources answer" in printed and "output is missing" in printed
    made = json.loads(project.path("plan/plan.json").read_text())
    announced = project.run("-n", "--quiet", "rules").stdout
    total = next(line.split()[1] for line in announced.splitlines() if line.startswith("total"))
    # The dry-run counts the target `all` as well.
    assert sum(stage["to_run"] for stage in made["stages"]) == int(total) - 1
    assert not project.path("data").exists()
    # It took 527 s on two cores.
    assert 527 / 2 < made["wall"] < 527 * 2


def test_questions_take_no_other_target(project):
    refused = project.run("plan", "report", "--cores", "1", check=False)
    assert refused.returncode and "takes no other target" in refused.stdout


def test_the_plan_passes_mistakes_in_the_config_on(project):
    (project.folder / "config/config.yaml").write_text("study: 7\n")
    refused = project.run("plan", check=False)
    assert refused.returncode and "the config has" in refused.stdout


def test_the_plan_of_the_published_study_knows_the_machine_and_the_price(project):
    printed = project.run("plan", "--configfile", "config/synthetic-eggs.yaml").stdout
    assert "13,509 that sources answer" in printed and "h100:4" in printed
    assert "gpt-4o" in printed and "GPU-h" in printed
    assert not project.path("data", "synthetic-eggs").exists()


def test_after_the_trials_the_rest_is_estimated_from_them(small, tmp_path):
    """The factor is wider than that of `unit/test_plan_accuracy.py`: other work on the machine may come
    and go between the trials and the rest."""
    project = Project(tmp_path / "copy")
    shutil.copytree(small.folder, project.folder, symlinks=True)
    parts = {"sources": ("sources",), "training": ("runs",), "collapse": ("embeddings", "measures")}
    taken = {name: sum(seconds_taken(project, part) for part in of) for name, of in parts.items()}
    runs = seconds_taken(project, "runs")
    results = project.path("", "small")
    for name in ("sources/llama/shards", "sources/qwen/shards", "mixes", "runs", "measures",
                 "embeddings", "statistics", "tables", "figures"):  # fmt: skip
        shutil.rmtree(results / name)
    for name in ("runs", "measures", "embeddings", "statistics"):
        shutil.rmtree(results / "benchmarks" / name)
    pilots = 0.0
    for source in ("llama", "qwen"):
        (results / f"sources/{source}/train.parquet").unlink()
        (results / f"benchmarks/sources/{source}/0-of-1.tsv").unlink()
        pilots += float((results / f"benchmarks/sources/{source}/pilot.tsv").read_text().splitlines()[-1].split("\t")[0])  # fmt: skip
    printed = project.run("plan", "--cores", "2", *CONFIG).stdout
    assert "measured" in printed
    made = json.loads(project.path("plan/plan.json", "small").read_text())
    stages = {stage["stage"]: stage for stage in made["stages"]}
    assert stages["pilots"]["to_run"] == 0 and stages["models"]["to_run"] == 0
    overhead = 1.5 / 3600
    planned = {name: (stage["job_hours"] - overhead * stage["to_run"]) * 3600
               for name, stage in stages.items()}  # fmt: skip
    of_runs = sum(planned[name] for name in ("training", "responses", "likelihood"))
    measured = {"runs": (of_runs, runs), "collapse": (planned["collapse"], taken["collapse"]),
                "sources": (planned["sources"], taken["sources"] - pilots)}  # fmt: skip
    total = [sum(column) for column in zip(*measured.values(), strict=True)]
    assert 1 / 3 < total[0] / total[1] < 3, measured
    # Two jobs that collect are in the stage of sources, without a benchmark.
    for name, (plan, real) in measured.items():
        assert 1 / 4 < plan / real < 4, (name, measured)


def test_a_finished_study_has_nothing_to_do(small):
    assert "Nothing to do" in small.run("plan", "--cores", "2", *CONFIG).stdout
    printed = small.run("status", *CONFIG).stdout
    assert "Everything that takes long is done" in printed and "No failures" in printed


def test_both_answer_while_a_run_holds_the_folder_and_leave_its_lock(project):
    run = subprocess.Popen(
        project.command("--cores", "1"), cwd=project.folder, env=project.environment(),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        locks = project.folder / ".snakemake/locks"
        deadline = time.monotonic() + 120
        while not list(locks.glob("*.lock")) and time.monotonic() < deadline:
            time.sleep(0.2)
        before = sorted(path.name for path in locks.iterdir())
        assert before
        assert "a run holds the folder" in project.run("status").stdout
        assert "Plan of the study embedded" in project.run("plan", "--cores", "1").stdout
        assert run.poll() is None
        assert sorted(path.name for path in locks.iterdir()) == before
    finally:
        os.killpg(run.pid, signal.SIGKILL)  # its own group: Snakemake and its jobs
        run.wait(timeout=60)


def test_a_failed_job_is_told_by_its_message(project):
    changed = SMALL | {
        "dataset": {"kind": "embedded", "rows": 50, "towns": 4},
        "split": {"parts": 2},
    }
    (project.folder / "small.json").write_text(json.dumps(changed))
    project.run("data", "--cores", "1", *CONFIG)
    project.path("data/world.jsonl", "small").write_text("{broken\n")
    failed = project.run("data", "--cores", "1", *CONFIG, check=False)
    assert failed.returncode
    printed = project.run("status", *CONFIG).stdout
    assert "1 × job failed" in printed and "logs/data/dataset.log" in printed
