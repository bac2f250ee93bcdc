"""The workflow on a real SLURM: all stages, and what goes wrong on clusters."""

from __future__ import annotations

import json
import re
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor

import polars as pl
import pytest

from manybaskets.records.responses import read_responses

SHARD = "sources/llama/train.parquet"
SLOW = 0.06  # seconds that every answer takes longer, so that something can happen meanwhile
EARLY = {"world", "dataset", "clean", "split", "prompt_sets", "pretrain", "pilot"}
LATE = {"lengths", "find_eligible", "mix", "train", "respond", "score_target", "embed"} | {
    "match_runs", "measure", "summarise", "count_stages", "knowledge"
}  # fmt: skip
LOCAL = {"human_source", "curves", "figure", "throughput", "write_report", "write_tables", "report"}


def without_answers(project, partition: str):
    """The prepared study without the answers of its source, which are slow to come."""
    shutil.rmtree(project.path("work/sources/llama"))
    shutil.rmtree(project.path("sources/llama/shards"))
    project.path(SHARD).unlink()
    project.edit(
        "slurm/machine.yaml", "compute: {partition: null}", f"compute: {{partition: {partition}}}"
    )
    project.edit(
        "workflow/scripts/generate.py",
        "with job(",
        "import time\n\nfrom manybaskets.jobs.journal import Journal\n\nappend = Journal.append\n"
        f"Journal.append = lambda self, rows: (time.sleep({SLOW}), append(self, rows))\n\nwith job(",
    )
    return project


@pytest.fixture(scope="module", autouse=True)
def accidents(study, prepared, new_cluster_project):
    """What takes long by waiting, all at the same time; the tests look how each went."""
    mistaken = new_cluster_project()
    # What happens to the nodes of the first happens to no other job.
    robbed, orphaned = (
        without_answers(new_cluster_project(prepared), partition) for partition in ("gpu", "cpu")
    )
    with ThreadPoolExecutor() as pool:
        yield {
            "robbed": pool.submit(cancel_and_rob, robbed, prepared),
            "orphaned": pool.submit(kill_the_driver, orphaned, prepared),
            "mistaken": pool.submit(make_a_mistake, mistaken),
        }


def rows_kept(project) -> list[str]:
    """Keys of the finished rows, in the order in which they came."""
    files = list(project.path("work/sources/llama/0-of-1").glob("*.jsonl"))
    assert len(files) < 2
    lines = files[0].read_text().splitlines()[1:] if files else []
    keys = []
    for line in lines:
        try:
            keys.append(json.loads(line)["key"])
        except ValueError:  # the last one is being written
            assert line == lines[-1]
    return keys


def wait_for_rows(project, count: int) -> None:
    project.lab.wait_for(lambda: len(rows_kept(project)) >= count, 200)


def same_answers(project, undisturbed) -> bool:
    made, expected = (read_responses(each.path(SHARD)) for each in (project, undisturbed))
    return made.equals(expected) and made["prompt_id"].is_unique().all()


def cancel_and_rob(generating, prepared) -> None:
    lab = generating.lab
    driver = generating.start("--", generating.target(SHARD))
    wait_for_rows(generating, 40)
    first = generating.jobs_of("generate", "RUNNING")[-1]
    lab.call("scancel", first)
    lab.wait_for(lambda: lab.job(first)["JobState"] == "CANCELLED", 60)
    after_first = rows_kept(generating)
    wait_for_rows(generating, len(after_first) + 40)
    second = generating.jobs_of("generate", "RUNNING")[-1]
    node = lab.job(second)["BatchHost"]
    lab.crash_node(node)
    after_second = rows_kept(generating)
    try:
        status, printed = generating.finish(driver)
        assert status == 0, printed[-6000:]
    finally:
        lab.start_node(node)
        lab.wait_for(lambda: lab.states()[node] in ("idle", "mix", "alloc"), 30)
    third = generating.jobs_of("generate", "COMPLETED")[-1]
    assert lab.job(second)["JobState"] == "NODE_FAIL"
    assert lab.job(third)["BatchHost"] != node
    kept = rows_kept(generating)
    assert (
        kept[: len(after_second)] == after_second
        and after_second[: len(after_first)] == after_first
    )
    assert len(set(kept)) == len(kept)
    log = generating.path("logs/sources/llama/0-of-1.log").read_text()
    assert f"reusing {len(after_second)} finished rows" in log
    assert same_answers(generating, prepared)


def kill_the_driver(generating, prepared) -> None:
    lab = generating.lab
    driver = generating.start("--", generating.target(SHARD))
    wait_for_rows(generating, 5)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    orphan = generating.jobs_of("generate", "RUNNING")[-1]
    lab.call("scontrol", "suspend", orphan)  # so that it cannot be finished before the others come
    refused, printed = generating.finish(generating.start("--", generating.target(SHARD)))
    assert refused and "--unlock" in printed
    assert generating.finish(generating.start("--unlock"))[0] == 0
    successor = generating.start("--retries", "0", "--", generating.target(SHARD))
    status, printed = generating.finish(successor)
    assert status
    told = re.search(r"another job is writing the same results.*?to do: [^\n]*", printed, re.S)[0]
    assert f"job {orphan}, process" in told and "scancel" in told
    assert not generating.path(SHARD).exists()
    before = rows_kept(generating)
    # What the documentation says to do.
    lab.call("scontrol", "resume", orphan)
    lab.call("scancel", orphan)
    lab.wait_for(lambda: lab.job(orphan)["JobState"] == "CANCELLED", 60)
    status, printed = generating.finish(generating.start("--", generating.target(SHARD)))
    assert status == 0, printed[-6000:]
    kept = rows_kept(generating)
    assert kept[: len(before)] == before and len(set(kept)) == len(kept)
    assert same_answers(generating, prepared)


def make_a_mistake(project) -> None:
    row = '{"instruction": "what?", "context": "", "response": "that", "category": "short"}'
    (project.folder / "rows.jsonl").write_text(row + "\n" + row[:40] + "\n")
    for old, new in {
        "{kind: embedded, rows: 400, towns: 12}": "{kind: file, path: rows.jsonl}",
        "kind: embedded, architecture: llama, habit: lister": "kind: hub, repo: a/b-1b, revision: c",
    }.items():
        project.edit("small.yaml", old, new)
    # The other data needs the model's tokenizer, which nobody fetches here.
    status, printed = project.finish(project.start("--", project.target("data/raw.parquet")))
    assert status
    assert "the line is not JSON" in printed and "logs/data/dataset.log" in printed
    assert "Not retried: a retry cannot fix this." in printed
    tries = [project.lab.job(number) for number in project.jobs_of("dataset")]
    assert [each["TimeLimit"] for each in tries] == ["01:00:00", "00:10:00", "00:10:00"]
    assert {each["MinMemoryNode"] for each in tries} == {"2000M"}


def test_cancelled_and_then_robbed_of_its_node_a_job_goes_on_row_by_row(accidents):
    assert accidents["robbed"].result() is None


def test_a_killed_driver_and_its_successor_do_not_write_the_same_rows(accidents):
    assert accidents["orphaned"].result() is None


def test_a_mistake_of_the_user_is_not_made_again(accidents):
    assert accidents["mistaken"].result() is None


def test_a_partition_that_does_not_exist_stops_the_run_before_its_first_job(new_cluster_project):
    project = new_cluster_project()
    project.edit("slurm/machine.yaml", "light: {partition: null}", "light: {partition: nonsense}")
    status, printed = project.finish(project.start("data"), 120)
    assert status
    for part in (
        "no partition 'nonsense'",
        "slurm/machine.yaml: light.partition",
        "one of cpu, gpu",
    ):
        assert part in printed
    assert "submitted" not in printed and "Traceback" not in printed


def test_a_job_that_hits_its_time_limit_gets_more(time_limit, lab):
    project, driver = time_limit
    status, printed = project.finish(driver)
    assert status == 0, printed[-6000:]
    killed, done = (lab.job(number) for number in project.jobs_of("clean"))
    assert (killed["JobState"], killed["TimeLimit"]) == ("TIMEOUT", "00:01:00")
    assert (done["JobState"], done["TimeLimit"]) == ("COMPLETED", "00:02:00")
    assert (killed["MinMemoryNode"], done["MinMemoryNode"]) == ("1000M", "1500M")
    assert pl.read_parquet(project.path("data/clean.parquet")).height > 300


def test_jobs_are_offline_and_get_gpus_of_their_own(time_limit, study, lab):
    """Both forms of the request, as a real sbatch takes them; a job fails that sees fewer than it asked
    for."""
    early, driver = time_limit
    assert early.finish(driver)[0] == 0
    switches = (early.folder / "switches").read_text().split()
    assert set(switches) == {
        f"{hub}_OFFLINE=1" for hub in ("HF_HUB", "TRANSFORMERS", "HF_DATASETS")
    }
    (pilot,) = (lab.job(number) for number in early.jobs_of("pilot"))
    assert (pilot["TresPerJob"], pilot["Partition"]) == ("gres:gpu:h100:1", "gpu")
    late, driver = study
    assert late.finish(driver, 900)[0] == 0
    for answering in map(lab.job, late.jobs_of("respond")):
        assert (answering["TresPerNode"], answering["Partition"]) == ("gres:gpu:h100:2", "gpu")
        assert answering["NumCPUs"] == "16" and answering["JobState"] == "COMPLETED"
    assert late.jobs_of("respond")


def test_every_job_goes_through_sbatch_and_keeps_its_log(study, time_limit, lab):
    project, driver = study
    status, printed = project.finish(driver, 900)
    assert status == 0, printed[-6000:]
    assert project.path("report.html").is_file()
    table = re.search(r"Job stats:\n.*?\n\n", printed, re.S)[0]
    words = [line.split() for line in table.splitlines()]
    planned = {w[0]: int(w[1]) for w in words if len(w) == 2 and w[1].isdigit()}
    sent = {rule: count for rule, count in planned.items() if rule not in LOCAL | {"total"}}
    assert {rule: len(project.jobs_of(rule)) for rule in sent} == sent
    assert not [rule for rule in LOCAL if project.jobs_of(rule)]
    for each, rules in ((project, sent), (time_limit[0], EARLY)):
        for rule in rules:
            assert each.jobs_of(rule), rule
            for number in each.jobs_of(rule):
                logs = list(each.folder.glob(f"results/slurm-logs/rule_{rule}/**/{number}.log"))
                assert len(logs) == 1 and "Building DAG of jobs" in logs[0].read_text()
    assert sent.keys() >= LATE
