"""The published design of the robustness experiment, planned on made-up files of its layout."""

from __future__ import annotations

import csv
import json

SIZES = (143, 110, 110, 110, 110, 103, 100, 100)
FILES = ["config/synthetic-eggs.yaml", "config/synthetic-eggs.robustness.yaml"]
RUNS = 7 * 3 + 1
# Two targets; two judges behind vLLM and one rule.
JOBS = {
    "robustness_prompts": 2, "robustness_respond": 2 * RUNS, "robustness_canaries": 3,
    "robustness_judge": 3 * 2 * RUNS, "robustness_scores": 2,
    "robustness_outcomes": 1, "robustness_tables": 1,
}  # fmt: skip


def bring(project) -> None:
    folder = project.folder / "resources/external"
    folder.mkdir()
    requests = {f"c{n}": [f"request {n}/{i}" for i in range(size)] for n, size in enumerate(SIZES)}
    (folder / "refusalbench.json").write_text(json.dumps(requests))
    with open(folder / "jailbreak-prompts.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Name", "Prompt", "Votes", "Jailbreak Score", "GPT-4"])
        writer.writerows([n, f"{n}: [INSERT PROMPT HERE]", 20, 1, "TRUE"] for n in range(79))


def test_without_the_files_the_plan_says_what_to_bring(project):
    finished = project.run("-n", "--configfile", *FILES, check=False)
    assert finished.returncode != 0
    assert "robustness.requests.path: resources/external/refusalbench.json" in finished.stdout
    assert "docs/" in finished.stdout and "Traceback" not in finished.stdout


def test_the_experiment_adds_its_jobs_and_changes_no_other(project):
    before = project.planned("--configfile", FILES[0])
    bring(project)
    after = project.planned("--configfile", *FILES)
    added = {rule: number for rule, number in after.items() if before.get(rule) != number}
    assert {rule: added.pop(rule, 0) for rule in JOBS} == JOBS
    # Two judges more to fetch, whose questions are measured, and the figures of the experiment.
    for rule in ("fetch_model", "measure_prompts"):
        assert added.pop(rule) == before[rule] + 2
    assert set(added) <= {"figure", "robustness"}


def test_all_runs_of_a_target_may_share_one_load(project):
    bring(project)
    jobs = project.planned(
        "--configfile", *FILES, "--config", "responses={share_model_load: target}"
    )
    assert jobs["robustness_respond"] == 2
    assert jobs["robustness_judge"] == 3 * 2


def test_the_plan_tells_judge_calls_and_gpu_hours(project):
    bring(project)
    project.run("plan", "--configfile", *FILES, "--cores", "8")
    plan = json.loads(project.path("plan/plan.json", "synthetic-eggs").read_text())
    stage = next(each for each in plan["stages"] if each["stage"] == "robustness")
    answers = 2 * RUNS * (886 + 1120 * 79 // 28)
    assert stage["rows"] > answers and stage["tokens_in"] > 100 * answers
    assert stage["gpu_hours"] > 50 and stage["known"]
