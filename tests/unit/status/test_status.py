"""The status of a study, from files as its jobs leave them."""

import json
import os
import stat

import polars as pl
import pytest
from planned_jobs import dry_run, study

from manybaskets.layout import Files
from manybaskets.models.sizes import model_sizes
from manybaskets.records.responses import RESPONSES, write_responses
from manybaskets.status.failures import (
    FAILED,
    REFUSED,
    ROWS,
    SILENT,
    failed_in_run,
    failures,
    last_error,
)
from manybaskets.status.running import look
from manybaskets.status.study_status import read_status
from manybaskets.status.text import status_as_text

DEAD = 2**22 + 1  # above the largest process number of Linux


@pytest.fixture(scope="module")
def config():
    return study()


@pytest.fixture(scope="module")
def jobs(config, tmp_path_factory):
    return dry_run(config, tmp_path_factory.mktemp("jobs"))


@pytest.fixture()
def status_of(jobs):
    """Reads the status of the study in some folder."""
    found, stages = jobs

    def read(files):
        return read_status(files, model_sizes(files.study), found, stages)

    return read


@pytest.fixture(autouse=True)
def no_scheduler(tmp_path, monkeypatch):
    """No squeue but what a test puts there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture()
def files(config, tmp_path):
    made = Files(config, tmp_path)
    made.results.mkdir(parents=True)
    return made


@pytest.fixture()
def results(files):
    return files.results


def row(status, stage, of=""):
    return next(each for each in status.progress if (each.stage, each.of) == (stage, of))


def write(path, text=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def journal(folder, rows, name="a"):
    """A journal with its settings, some rows and a torn last line."""
    lines = [json.dumps({"settings": {}}), *(json.dumps({"key": str(n)}) for n in range(rows))]
    return write(folder / f"{name}.jsonl", "\n".join(lines) + '\n{"key": "to')


def squeue(folder, script):
    path = write(folder / "squeue", f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_a_study_that_has_not_begun(status_of, files, results):
    status = status_of(files)
    sources = row(status, "sources", "llama")
    assert (sources.rows, sources.expected, sources.done, sources.jobs) == (0, 800, 0, 2)
    assert not sources.measured and status.seconds > 60
    assert "no run holds the folder" in status_as_text(status) and "No failures" in status_as_text(
        status
    )


def test_rows_are_counted_in_the_journal_written_last(status_of, files, results):
    old = journal(results / "work/sources/llama/0-of-1", 700, "old")
    os.utime(old, (1, 1))
    newest = journal(results / "work/sources/llama/0-of-1", 300)
    before = newest.stat().st_mtime_ns, newest.read_bytes()
    status = status_of(files)
    assert row(status, "sources", "llama").rows == 300
    assert row(status, "sources", "llama").seconds < row(status, "sources", "qwen").seconds
    assert (newest.stat().st_mtime_ns, newest.read_bytes()) == before


def test_answers_of_runs_are_counted_by_set_and_seed(status_of, files, results):
    answered = files.runs.responses("llama", "human", 1, "test")
    answered.parent.mkdir(parents=True)
    pl.DataFrame({"text": ["so"] * 200}).write_parquet(answered)
    journal(results / "work/responses/llama/human/seed1/refused", 7)
    progress = row(status_of(files), "responses", "llama")
    assert (progress.rows, progress.expected) == (207, (6 * 3 + 6 + 1) * 248)


def test_finished_jobs_count_in_full_and_take_no_time(status_of, files, results):
    for seed in (1, 2):
        (results / f"runs/llama/multi/seed{seed}/adapter").mkdir(parents=True)
    write(results / "sources/llama/shards/0-of-1.parquet")
    for name in ("usage.json", "quarantine.jsonl"):
        write(results / f"sources/llama/shards/0-of-1.{name}", "{}" if name == "usage.json" else "")
    status = status_of(files)
    assert (row(status, "training", "llama").done, row(status, "training", "llama").jobs) == (
        2,
        6 * 3 + 6,
    )
    assert row(status, "sources", "llama").rows == 800
    # Only the shards have to be joined.
    assert 0 < row(status, "sources", "llama").seconds < 3 < row(status, "sources", "qwen").seconds


def test_messages_in_logs_are_counted_by_kind(files, results):
    for number in range(3):
        write(
            results / f"logs/sources/a/{number}-of-3.log",
            f"\nERROR: {number} of 9 rows failed\n  where: x\n",
        )
    write(results / "logs/sources/a/collect.log", "it says ERROR: in a text\n")
    found = failures(files, [])
    assert [(each.kind, each.count) for each in found] == [(FAILED, 3)]
    assert found[0].message == "0 of 9 rows failed" and found[0].where.endswith("0-of-3.log")


def test_the_last_message_of_a_long_log_is_found(tmp_path):
    log = write(
        tmp_path / "a.log", "x" * 50_000 + "\nERROR: first\nERROR: the disk is full\n  where: /\n"
    )
    assert last_error(log) == "the disk is full"
    assert last_error(write(tmp_path / "b.log")) is None


def test_the_end_of_a_run_tells_each_of_its_messages_once_and_where(files, results):
    for number in range(3):
        write(
            results / f"logs/sources/a/{number}-of-3.log",
            f"loading\n\nERROR: {number} of 9 rows failed\n  to do:    run again\n",
        )
    write(results / "logs/runs/b.log", "\nERROR: the disk is full\n  where:    here\n")
    write(results / "logs/runs/fine.log", "done\n")
    old = write(results / "logs/runs/old.log", "\nERROR: of an earlier run\n")
    os.utime(old, (1000, 1000))
    text = failed_in_run(files, 2000.0)
    assert text.splitlines() == [
        "What failed:", "",
        "the disk is full", "  where:    here", f"  log:      {results}/logs/runs/b.log", "",
        "0 of 9 rows failed", "  to do:    run again",
        f"  log:      {results}/logs/sources/a/0-of-3.log, and 2 more",
    ]  # fmt: skip
    assert "no job left a message" in failed_in_run(files, 1e12)


def test_answers_set_apart_and_failed_rows_are_counted(config, tmp_path):
    settings = config.model_dump(mode="json")["sources"]
    settings["llama"]["shards"] = 2
    files = Files(study(sources=settings), tmp_path)
    results = files.results
    lines = [{"reason": "empty"}, {"reason": "empty"}, {"reason": "echo"}]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    write(results / "sources/llama/shards/0-of-2.quarantine.jsonl", text)
    blank = dict.fromkeys(RESPONSES) | {"sample": 0, "turn": 0, "attempts": 1}
    rows = [
        blank | {"prompt_id": str(n), "finish_reason": "error", "error": "timeout"}
        for n in range(2)
    ]
    rows.append(blank | {"prompt_id": "x", "finish_reason": "stop", "text": "so"})
    rows.append(blank | {"prompt_id": "y", "finish_reason": "error", "error": "not taken: empty"})
    (results / "sources/qwen").mkdir(parents=True)
    write_responses(rows, results / "sources/qwen/train.parquet", {})
    fine = pl.DataFrame([rows[2]], schema=RESPONSES)
    write_responses(fine, results / "sources/llama/shards/0-of-2.parquet", {})
    found = {(each.kind, each.message): each.count for each in failures(files, [])}
    assert found == {
        (REFUSED, "llama: empty"): 2,
        (REFUSED, "llama: echo"): 1,
        (ROWS, "source qwen: timeout"): 2,
    }


def test_a_lock_tells_a_running_job_from_a_killed_one(status_of, files, results):
    from manybaskets.jobs.locks import writer_identity

    progress = "2026-01-01 10:00:00,000 120 of 540 rows, 12.0 per second, 35 s left\n"
    write(results / "logs/sources/llama/0-of-1.log", progress)
    write(results / "logs/sources/llama/.0-of-1.log.lock", writer_identity())
    write(results / "logs/sources/qwen/0-of-1.log", progress)
    gone = writer_identity().replace(str(os.getpid()), str(DEAD))
    write(results / "logs/sources/qwen/.0-of-1.log.lock", gone)
    status = status_of(files)
    assert [job.log.parent.name for job in status.now.running] == ["llama"]
    assert "120 of 540 rows" in status_as_text(status)
    assert [(each.kind, each.count) for each in status.failures] == [(SILENT, 1)]


def test_a_run_that_holds_the_folder_is_told(status_of, files, results, tmp_path):
    write(tmp_path / ".snakemake/locks/0.output.lock")
    assert "a run holds the folder" in status_as_text(status_of(files))


def test_jobs_of_the_queue_are_shown_with_what_they_wait_for(
    status_of, files, results, no_scheduler
):
    lines = ["7|RUNNING|5:00|4:00:00|gpu01|rule_train_wildcards_llama_human_1",
             "8|PENDING|0:00|4:00:00|(Resources)|rule_train_wildcards_llama_human_2",
             "9|PENDING|0:00|1:00|(Priority)|somebody's own"]  # fmt: skip
    squeue(no_scheduler, "\n".join(f'echo "{line}"' for line in lines))
    status = status_of(files)
    text = status_as_text(status)
    assert status.now.at_a_time == 1 and "In the scheduler's queue: 2" in text
    assert "(Resources)" in text and "train llama_human_2" in text


@pytest.mark.parametrize(
    ("script", "told"),
    [("echo no such cluster >&2; exit 1", "no such cluster"), ("exit 1", "squeue")],
)
def test_a_scheduler_that_does_not_answer_is_no_error(
    status_of, files, results, no_scheduler, script, told
):
    squeue(no_scheduler, script)
    assert told in status_as_text(status_of(files))


def test_a_lock_of_another_host_is_judged_by_the_scheduler(files, results, no_scheduler):
    write(results / "logs/a.log")
    write(results / "logs/.a.log.lock", "host elsewhere, job 7, process 1")
    assert len(look(files).running) == 1
    squeue(no_scheduler, "echo '8|RUNNING|1|2|n|rule_x'")
    assert look(files).killed == [results / "logs/a.log"]
