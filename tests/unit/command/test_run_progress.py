"""One line of progress: what is done, what is left, and how the measured pace corrects the plan."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_manybaskets import LogHandler, LogHandlerSettings
from snakemake_logger_plugin_manybaskets.run_progress import Estimates, RunProgress, rough_time

PLAN = {"job_seconds": {"train": 100.0, "figure": 2.0}, "wall": 240.0,
        "stages": [{"job_hours": 400 / 3600}, {"job_hours": 80 / 3600}]}  # fmt: skip


def progress(**changes) -> RunProgress:
    made = RunProgress(Estimates({"train": 100.0, "figure": 2.0}, at_a_time=2.0), begun=0.0)
    made.expect(changes or {"train": 4, "figure": 40})
    return made


def test_before_the_first_job_the_time_left_is_that_of_the_plan():
    assert progress().left(0.0) == pytest.approx((4 * 100 + 40 * 2) / 2)


def test_a_job_that_is_done_leaves_the_others():
    made = progress()
    made.start(1, "train", "Training", 0.0)
    made.finish(1)
    # At the planned pace, one training of 100 s took 50 s of a run with two jobs at a time.
    assert made.left(50.0) == pytest.approx((3 * 100 + 40 * 2) / 2)
    assert made.line(50.0) == "1 of 44 jobs done, 3 min left: Training"


def test_a_slow_machine_has_more_time_left_than_planned():
    made = progress(train=100)
    for job in range(50):
        made.start(job, "train", "", 0.0)
        made.finish(job)
    planned = 50 * 100 / 2
    assert planned < made.left(3 * planned) < 3 * planned
    assert made.left(3 * planned) == pytest.approx(3 * planned, rel=0.05)


def test_time_in_a_running_job_counts_up_to_its_estimate():
    made = progress(train=2)
    made.start(1, "train", "", 0.0)
    # A pace of the plan: 25 s of wall time for 50 s of work, two at a time.
    assert made.left(50.0) < made.left(0.0)
    assert made.left(1000.0) > made.left(100.0)  # it takes longer than planned: so will the next


def test_without_a_plan_the_time_left_follows_from_the_jobs_done():
    made = RunProgress(Estimates(), begun=0.0)
    made.expect({"figure": 4})
    assert made.left(10.0) is None
    made.start(1, "figure", "Drawing", 0.0)
    made.finish(1)
    assert made.left(10.0) == pytest.approx(30.0)


def test_a_line_has_at_most_the_width_of_the_terminal():
    made = progress()
    made.start(1, "train", "Training llama on a mix with a long name", 0.0)
    assert len(made.line(0.0, 40)) == 40 and made.line(0.0, 40).endswith("…")


@pytest.mark.parametrize(
    ("seconds", "text"), [(10, "less than a minute"), (480, "8 min"), (12000, "3 h 20 min")]
)
def test_estimated_times_are_rough(seconds, text):
    assert rough_time(seconds) == text


def handler(tmp_path: Path, *, plan: bool = True) -> LogHandler:
    (tmp_path / "plan.json").write_text(json.dumps(PLAN))
    made = LogHandler(None, LogHandlerSettings(plan=tmp_path / "plan.json" if plan else None))
    made.stream, made.in_place = io.StringIO(), True
    return made


def record(event: LogEvent | None, level: int = logging.INFO, **content) -> logging.LogRecord:
    made = logging.makeLogRecord({"levelno": level, "msg": content.pop("msg", "")})
    vars(made).update(content, event=event)
    return made


def test_the_logger_writes_one_line_for_the_events_of_snakemake(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    made = handler(tmp_path)
    made.emit(record(LogEvent.RUN_INFO, stats={"train": 1, "figure": 1, "total": 2}))
    made.emit(record(LogEvent.JOB_INFO, jobid=1, rule_name="train", rule_msg="Training llama"))
    made.emit(record(None, msg="Select jobs to execute..."))
    made.emit(record(LogEvent.JOB_FINISHED, job_id=1))
    shown = made.stream.getvalue().split("\r\033[K")
    assert shown[1].startswith("0 of 2 jobs done, 1 min left")
    assert shown[2].endswith("Training llama") and "1 of 2 jobs done" in shown[3]
    assert "Select jobs" not in made.stream.getvalue()


def test_the_logger_shows_errors_and_warnings_in_full(tmp_path):
    made = handler(tmp_path, plan=False)
    made.emit(record(None, logging.WARNING, msg="! the judge failed its canaries"))
    made.emit(record(None, logging.ERROR, msg="Exiting because a job failed"))
    for text in ("! the judge failed its canaries\n", "Exiting because a job failed\n"):
        assert text in made.stream.getvalue()


def test_a_page_beside_the_plan_follows_the_run_until_it_ends(tmp_path):
    made, page = handler(tmp_path), tmp_path / "status.html"
    made.emit(record(LogEvent.RUN_INFO, stats={"train": 1, "total": 1}))
    made._written = -10.0
    made.emit(record(LogEvent.JOB_INFO, jobid=1, rule_name="train", rule_msg="Training <llama>"))
    running = page.read_text()
    assert "The run is running" in running and 'http-equiv="refresh"' in running
    assert "<li>Training &lt;llama&gt;</li>" in running and "0 of 1 jobs done, " in running
    made.emit(record(LogEvent.JOB_FINISHED, job_id=1))
    finished = page.read_text()
    assert "The run has finished" in finished and "refresh" not in finished
    assert "1 of 1 jobs done<" in finished and "<li>nothing</li>" in finished
    assert sorted(file.name for file in tmp_path.iterdir()) == ["plan.json", "status.html"]


def test_the_page_of_a_run_that_fails_shows_its_errors(tmp_path):
    made = handler(tmp_path)
    made.emit(record(LogEvent.RUN_INFO, stats={"train": 1, "total": 1}))
    made.emit(record(None, logging.ERROR, msg="the disk is <full>"))
    page = (tmp_path / "status.html").read_text()
    assert "The run has failed" in page and "<pre>the disk is &lt;full&gt;</pre>" in page
