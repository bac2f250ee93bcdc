"""Long steps say in their logs how far they are: once per some seconds, not once per row."""

from __future__ import annotations

import logging
import re

import pytest

from manybaskets.jobs import progress as jobs
from manybaskets.jobs.progress import Progress
from manybaskets.source_analysis.shared_answers import SharedAnswers
from manybaskets.source_analysis.similarity.pair_scores import score_pairs
from manybaskets.status.running import _PROGRESS

WORDS = [
    "the",
    "old",
    "miller",
    "of",
    "the",
    "village",
    "sold",
    "his",
    "grain",
    "at",
    "the",
    "market",
    "and",
    "went",
    "home",
    "late",
]


@pytest.fixture()
def clock(monkeypatch):
    """A clock that only the test moves."""
    now = [100.0]
    monkeypatch.setattr(jobs.time, "monotonic", lambda: now[0])
    return now


def test_a_line_every_ten_seconds_and_one_at_the_end(caplog, clock):
    caplog.set_level(logging.INFO)
    progress = Progress(100, "rows")
    for _ in range(100):
        clock[0] += 0.5
        progress.add(1)
    assert [line.split()[0] for line in caplog.messages] == ["20", "40", "60", "80", "100"]
    assert caplog.messages[0] == "20 of 100 rows, 2.0 per second, 40 s left"
    assert all(_PROGRESS.search(line) for line in caplog.messages)


def test_what_is_slow_is_told_per_minute(caplog, clock):
    caplog.set_level(logging.INFO)
    progress = Progress(4, "measures")
    clock[0] += 30
    progress.add(1)
    assert caplog.messages == ["1 of 4 measures, 2.0 per minute, 90 s left"]


def test_pairs_of_sources_are_counted_by_metric(caplog):
    caplog.set_level(logging.INFO)
    texts = {
        name: [" ".join(WORDS[first + place :]) for place in range(3)]
        for first, name in enumerate("abc")
    }
    score_pairs(SharedAnswers(["p", "q", "r"], texts, 3, 3), ["rouge_1", "meteor"], 1)
    counted = [
        re.match(r"(\d+) of (\d+) pairs of sources compared by (\w+)", line)
        for line in caplog.messages
    ]
    assert [each.groups() for each in counted] == [("6", "6", "rouge_1"), ("6", "6", "meteor")]
