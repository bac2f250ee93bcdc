"""`snakemake plan` and `snakemake status`, typed as a user types them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time

from projects import Project

# Stages whose outputs are there when the trials have passed.
BEFORE = {"data", "models", "pilots"}
OVERHEAD = 1.5  # seconds that the plan counts for the start of a job


def jobs_of(project: Project) -> list[dict]:
    """All jobs of the study that make something, as the plan is told them."""
    done = subprocess.run(
        [sys.executable, "workflow/dag.py"],
        cwd=project.folder,
        env=project.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return [job for job in json.loads(done.stdout)["jobs"] if job["outputs"]]


def test_the_plan_of_a_study_that_has_not_begun(project):
    printed = project.run("plan", "--cores", "2").stdout
    assert "Plan of the study embedded" in printed and "with 2 cores at a time" in printed
    assert "800 answered by sources" in printed and "output is missing" in printed
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
    assert "13,509 answered by sources" in printed and "h100:4" in printed
    assert "gpt-4o" in printed and "GPU-h" in printed
    assert not project.path("data", "synthetic-eggs").exists()


def without_other_work(project: Project) -> None:
    """Let all benchmarks and the trials' records tell the seconds of processors that jobs and answers took:
    what else the machine did while the study ran is not in them."""
    for file in project.path("benchmarks").rglob("*.tsv"):
        *earlier, line = file.read_text().splitlines()
        cells = dict(zip(earlier[0].split("\t"), line.split("\t"), strict=True))
        if not cells["cpu_time"].replace(".", "").isdigit():
            continue
        cells["s"] = cells["cpu_time"]
        file.write_text("\n".join([*earlier, "\t".join(cells.values()), ""]))
    records = list(project.path("work/sources").glob("*/pilot/usage.json"))
    assert records
    for record in records:
        usage = json.loads(record.read_text())
        record.write_text(json.dumps(usage | {"seconds": usage["cpu_seconds"]}))


def test_after_the_trials_the_rest_is_estimated_from_them(copy_of_finished):
    """The finished study, set back to when its trials had passed."""
    project = copy_of_finished
    without_other_work(project)
    later = [job for job in jobs_of(project) if job["stage"] not in BEFORE]
    taken: dict[str, list[float | None]] = {}
    for job in later:
        for output in (project.folder / output for output in job["outputs"]):
            shutil.rmtree(output) if output.is_dir() else output.unlink()
        benchmark = job["benchmark"] and project.folder / job["benchmark"]
        seconds = benchmark and float(benchmark.read_text().splitlines()[-1].split("\t")[0])
        taken.setdefault(job["stage"], []).append(seconds)
        if benchmark:
            benchmark.unlink()
    # Of stages that take long every job has been timed.
    real = {stage: sum(each) for stage, each in taken.items() if None not in each}
    assert {"training", "responses", "likelihood"} <= real.keys()
    printed = project.run("plan", "--cores", "2").stdout
    assert "measured" in printed
    made = json.loads(project.path("plan/plan.json").read_text())
    stages = {stage["stage"]: stage for stage in made["stages"]}
    assert all(stages[name]["to_run"] == 0 for name in BEFORE)
    assert sum(stage["to_run"] for stage in stages.values()) == len(later)
    planned = {
        name: 3600 * stages[name]["job_hours"] - OVERHEAD * stages[name]["to_run"] for name in real
    }
    assert 1 / 2 < sum(planned.values()) / sum(real.values()) < 2, (planned, real)
    for name in ("training", "responses", "likelihood"):
        assert 1 / 3 < planned[name] / real[name] < 3, (name, planned, real)


def test_a_finished_study_has_nothing_to_do(copy_of_finished):
    assert "Nothing to do" in copy_of_finished.run("plan", "--cores", "2").stdout
    printed = copy_of_finished.run("status").stdout
    assert "All results exist" in printed and "No failures" in printed


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
    world = project.path("data/world.jsonl")
    data = ["data", "--cores", "1"]
    project.run(*data)
    world.write_text("{broken\n")
    failed = project.run(*data, check=False)
    assert failed.returncode
    printed = project.run("status").stdout
    assert "1 × job failed" in printed and "logs/data/dataset.log" in printed
