"""A plan from jobs in plain values: its numbers, its text, its files, its figure."""

import csv
import io
import json
import math
import re

import pytest
from planned_jobs import planned, study

from manybaskets.config.evaluation import Figures
from manybaskets.layout import Files
from manybaskets.plan.graph import links_of, read_jobs, stages_of, topological_order
from manybaskets.plan.machine import Machine
from manybaskets.plan.making import make_plan
from manybaskets.plan.plan_files import write_plan
from manybaskets.plan.schedule import Width
from manybaskets.plan.table import as_csv, as_markdown, plan_as_text

SIZES = {"llama-3.1-8b": 8.03e9, "llama-3.1-70b": 70.6e9}
SHARD = {"shard": "0", "shards": "4"}
ASKED = {"gpu_model": "h100", "mem_mb": 60000, "runtime": 90, "slurm_partition": "gpu"}


def job(kind, number, **changes):
    """A job with what it asks for."""
    asked = changes.pop("asked", {})
    made = planned(kind, number, **changes)
    return type(made)(**vars(made) | {"asked": asked})


def jobs():
    return [
        job("split", 0, stage="data", run=False),
        job("generate", 1, stage="sources", needs=[0], source="gpt-4o", **SHARD),
        job("generate", 2, stage="sources", needs=[0], gpus=1, source="llama-3.1-8b", asked=ASKED, **SHARD),
        job("train", 3, stage="training", needs=[1, 2], gpus=1, target="llama-3.1-8b",
            mix="human", seed="1", asked=ASKED | {"runtime": 30}),
    ]  # fmt: skip


def plan(tmp_path, config=None, given=None, width=None, machine=None, retries=2, cluster=True):
    files = Files(config or study("synthetic-eggs"), tmp_path)
    return make_plan(
        files, SIZES, given or jobs(), width or Width(jobs=100),
        stages=["training", "sources", "data"], cluster=cluster,
        machine=machine or Machine(), retries=retries,
    )  # fmt: skip


def test_stages_stand_behind_what_they_take_from():
    shuffled = jobs()
    assert list(stages_of(shuffled, ["training", "sources", "data"])) == [
        "data", "sources", "training",
    ]  # fmt: skip
    assert links_of(shuffled, stages_of(shuffled, [])) == [
        ("data", "sources"), ("sources", "training"),
    ]  # fmt: skip


def test_every_job_stands_behind_its_needs():
    chain = [job("a", n, needs=[n + 1] if n < 2000 else []) for n in range(2001)]
    assert topological_order(chain) == list(range(2000, -1, -1))


def test_stages_that_take_from_each_other_are_no_endless_loop():
    pair = [job("a", 0, stage="x"), job("b", 1, stage="y", needs=[0])]
    pair.append(job("c", 2, stage="x", needs=[1]))
    assert set(stages_of(pair, [])) == {"x", "y"}


def test_the_plan_counts_jobs_rows_tokens_and_money(tmp_path):
    made = plan(tmp_path)
    data, sources, training = made.stages
    assert (data.done, data.to_run, sources.to_run) == (1, 0, 2)
    shard = 3378  # of 13,509 in four
    assert sources.rows == 2 * shard
    assert sources.tokens_in == pytest.approx(2 * shard * 133)
    bill = made.bills[0]
    assert bill.to_spend == pytest.approx(shard * (133 * 2.5 + 250 * 10) / 1e6)
    assert (bill.asked, bill.cap, bill.spent) == ("source gpt-4o", 80, 0)
    assert training.gpu_hours == pytest.approx(training.job_hours)
    assert made.wall == pytest.approx(made.longest_path)
    assert made.peak_gpus == 1
    assert made.reasons == {"output is missing": {"generate": 2, "train": 1}}


def test_requests_name_what_sbatch_is_asked_for_and_limits_that_are_too_short(tmp_path):
    made = plan(tmp_path)
    last = made.requests[-1]
    assert (last.partition, last.gpus, last.memory_mb, last.minutes) == ("gpu", "h100:1", 60000, 30)
    (note,) = (note for note in made.notes if note.startswith("train (h100:1) may take"))
    assert "its time limit is 0.5 h: use `--set-resources train:runtime=" in note
    assert "training.per_target.<target>.processes" in note and last.submissions is None
    assert re.search(r"^train .* !$", plan_as_text(made), re.MULTILINE)
    enough = int(re.search("runtime=([0-9]+)", note)[1])
    changed = jobs()
    changed[3] = job("train", 3, stage="training", needs=[1, 2], gpus=1, target="llama-3.1-8b",
                     mix="human", seed="1", asked=ASKED | {"runtime": enough})  # fmt: skip
    assert not [note for note in plan(tmp_path, given=changed).notes if "time limit" in note]


def long_training(resumes, runtime):
    asked = ASKED | {"runtime": runtime}
    made = job("train", 0, stage="training", gpus=1, target="llama-3.1-8b", mix="human", seed="1",
               asked=asked)  # fmt: skip
    return [type(made)(**vars(made) | {"resumes": resumes})]


def test_a_training_that_resumes_may_take_several_submissions(tmp_path):
    """2 h of an 8B on one GPU; at most 70 minutes, of which 10 start it and 30 may be lost."""
    machine = Machine(max_runtime=70, growth=1.0)
    hours = plan(tmp_path, given=long_training(True, 70)).requests[0].longest / 60
    assert hours == pytest.approx(2.0, rel=0.2)
    needed = 1 + math.ceil((60 * hours - 70) / 30)
    made = plan(tmp_path, given=long_training(True, 70), machine=machine, retries=needed - 1)
    assert made.requests[0].submissions == needed
    assert not [note for note in made.notes if "time limit" in note]
    few = plan(tmp_path, given=long_training(True, 70), machine=machine, retries=needed - 2)
    (note,) = (note for note in few.notes if "time limit" in note)
    assert f"set `retries: {needed - 1}` in slurm/config.yaml (it resumes)" in note
    assert "raise `max_runtime` in slurm/machine.yaml" in note
    lost = plan(tmp_path, given=long_training(False, 70), machine=machine, retries=99)
    assert lost.requests[0].submissions is None
    assert any("raise `max_runtime`" in note and "retries" not in note for note in lost.notes)
    here = plan(tmp_path, given=long_training(False, 70), machine=machine, cluster=False)
    assert not [note for note in here.notes if "time limit" in note], "nobody ends it there"


def test_a_cap_that_will_not_do_is_told(tmp_path):
    settings = study("synthetic-eggs").settings()
    settings["sources"]["gpt-4o"]["engine"]["spending_cap"] = 0.5
    settings = {"sources": settings["sources"]}
    made = plan(tmp_path, study("synthetic-eggs", **settings))
    assert any(
        "gpt-4o may cost" in note and "its spending cap is 0.5" in note for note in made.notes
    )


def test_a_kind_of_job_that_nobody_timed_is_no_light_job(tmp_path):
    given = [*jobs(), job("untimed", 4, stage="untimed", gpus=4)]
    made = plan(tmp_path, given=given)
    assert {stage.stage: stage.basis for stage in made.stages}["untimed"] == {"no prior": 1}
    assert any("jobs of the stage untimed" in note for note in made.notes)


def test_what_is_not_known_is_called_unknown(tmp_path):
    dataset = study("synthetic-eggs").dataset.model_dump() | {"rows": None}
    made = plan(tmp_path, study("synthetic-eggs", dataset=dataset))
    text = plan_as_text(made)
    assert made.bills[0].to_spend is None and "≥ " in text
    assert "Set `dataset.rows`" in text and "Prompts (unknown)" in text


def test_the_text_fits_a_terminal_and_names_the_width(tmp_path):
    text = plan_as_text(plan(tmp_path))
    assert "with 100 jobs at a time" in text and "h100:1" in text and "prior" in text
    assert max(map(len, text.split("Reasons to run")[0].splitlines())) <= 120


def test_a_finished_study_has_nothing_to_do(tmp_path):
    done = [type(each)(**vars(each) | {"run": False}) for each in jobs()]
    made = plan(tmp_path, given=done)
    assert "Nothing to do" in plan_as_text(made) and "Nothing to do" in as_markdown(made)
    assert made.wall == 0 and not made.requests


def test_the_files_hold_the_same_plan(tmp_path):
    made = plan(tmp_path)
    files = write_plan(made, tmp_path / "plan", Figures())
    assert [file.name for file in files] == [
        "plan.md", "plan.csv", "plan.json", "plan.svg", "plan.png",
    ]  # fmt: skip
    assert all(file.stat().st_size > 100 for file in files)
    stored = json.loads((tmp_path / "plan/plan.json").read_text())
    rows = list(csv.DictReader(io.StringIO(as_csv(made))))
    assert [row["stage"] for row in rows] == [stage["stage"] for stage in stored["stages"]]
    assert sum(int(row["jobs_to_run"]) for row in rows) == 3
    assert stored["wall"] == pytest.approx(made.wall)


def test_jobs_are_read_from_what_the_dry_run_prints():
    row = {"rule": "generate", "stage": "sources", "wildcards": {}, "outputs": ["a"],
           "benchmark": None, "run": True, "reasons": [], "local": False, "threads": 1,
           "resumes": True, "needs": [], "resources": {"devices": 4, "gres": "gpu:h100:4", "cpus_per_gpu": 8}}  # fmt: skip
    read, none = read_jobs([row, row | {"resources": {"devices": None, "gres": None}}])
    assert (read.rule, read.gpus, read.cores) == ("generate", 4, 32)
    assert (none.gpus, none.cores) == (0, 1)
