"""Time limits follow the plan's estimates, before and after jobs have run."""

from __future__ import annotations

import pytest
from planned_jobs import dry_run, planned, study, write_benchmark

from manybaskets.layout import Files
from manybaskets.plan.machine import Machine, TimeLimit
from manybaskets.plan.time_limits import TimeLimits, submissions

EGGS = {"llama-3.1-8b": 8.03e9, "llama-3.1-70b": 70.6e9}
TRAIN = {"target": "llama-3.1-8b", "mix": "human", "seed": "1"}
SHARD = {"shard": "0", "shards": "4"}


def limits(folder, finished=(), **changes) -> TimeLimits:
    return TimeLimits(Files(study("synthetic-eggs", **changes), folder), Machine(), EGGS, finished)


@pytest.mark.parametrize(
    ("seconds", "minutes"), [(1, 20), (300, 20), (301, 30), (3600, 130), (36_000, 1210)]
)
def test_a_limit_is_twice_the_estimate_and_the_start_in_tens_of_minutes(seconds, minutes):
    assert TimeLimit().minutes(seconds) == minutes


def test_the_site_sets_the_share(tmp_path):
    site = TimeLimit(factor=1.0, startup=0, minimum=50)
    assert [site.minutes(seconds) for seconds in (60, 3001, 36_000)] == [50, 60, 600]


def test_a_training_gets_twice_its_hours_and_not_those_of_the_rule(tmp_path):
    """61 minutes on two H100s, as published."""
    job = planned("train", gpus=2, **TRAIN)
    assert 120 <= limits(tmp_path).minutes(job, 720) <= 150


def test_what_ran_corrects_the_limits_of_what_did_not(tmp_path):
    jobs = [planned("train", n, gpus=2, **TRAIN | {"seed": str(n)}) for n in (1, 2)]
    write_benchmark(tmp_path, jobs[0], 5 * 3600.0)
    assert limits(tmp_path, jobs[:1]).minutes(jobs[1], 720) == 610


def test_without_known_rows_the_limit_of_the_rule_remains(tmp_path):
    dataset = study("synthetic-eggs").dataset.model_dump() | {"rows": None}
    unknown = limits(tmp_path, dataset=dataset)
    assert unknown.minutes(planned("train", gpus=2, **TRAIN), 720) == 720
    assert unknown.minutes(planned("untimed", gpus=4), 240) == 240


def test_a_file_that_cannot_be_read_is_the_concern_of_its_job(tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("question,answer\nwhy?,so\n")
    dataset = {"kind": "file", "path": str(file)}
    assert limits(tmp_path, dataset=dataset).minutes(planned("train", gpus=2, **TRAIN), 720) == 720


def test_a_server_and_work_of_unknown_size_get_at_least_the_limit_of_the_rule(tmp_path):
    """A server may be slow, and the time of `swap` does not follow the rows in the plan's table."""
    made = limits(tmp_path)
    served = planned("generate", source="gpt-4o", **SHARD)
    assert made.minutes(served, 240) == 240 and 20 < made.minutes(served, 1) < 240
    assert made.minutes(planned("swap", target="llama-3.1-8b"), 240) == 240
    assert made.minutes(planned("measure", target="llama-3.1-8b", mix="human"), 120) == 20


def test_the_workflow_finds_what_ran_and_the_command_line_overrides(tmp_path):
    """A training that took five hours sets the limits of all trainings."""
    timed = tmp_path / "results/synthetic-eggs/benchmarks/runs/llama-3.1-8b/human/seed1/train.tsv"
    timed.parent.mkdir(parents=True)
    timed.write_text("s\th:m:s\n18000.0\t5:00:00\n")
    asked = ["--set-resources", "respond:runtime=333"]
    jobs, _ = dry_run(study("synthetic-eggs"), tmp_path, *asked)
    found = {
        (job.rule, job.wildcards.get("target")): job.asked["runtime"]
        for job in jobs
        if job.rule in ("train", "respond") and job.wildcards["mix"] == "human"
    }
    assert found.pop(("respond", "llama-3.1-8b")) == found.pop(("respond", "llama-3.1-70b")) == 333
    assert found.pop(("train", "llama-3.1-8b")) == 610
    # Another model on such a GPU is corrected by the same ratio, up to the partition's limit.
    assert found.pop(("train", "llama-3.1-70b")) == 2880 and not found


@pytest.mark.parametrize(
    ("hours", "minutes", "lost", "times"),
    [
        (1, 60, 0, 1),
        (1.01, 60, 0, 2),  # the second may take 90 minutes
        (80, 2880, 0, 2),
        (95, 2880, 30, 2),  # 47 h 20 min in the first, and 48 h in the second
        (96, 2880, 30, 3),
        (1000, 40, 30, None),  # nothing is left of a submission
    ],
)
def test_a_job_that_resumes_is_submitted_until_it_has_finished(hours, minutes, lost, times):
    machine = Machine(max_runtime=max(minutes, 90) if hours < 1000 else 40)
    assert submissions(3600 * hours, minutes, machine, lost) == times
