"""Whose texts a judge sees, and with which adapter it judges."""

from __future__ import annotations

from pathlib import Path

import pytest

from manybaskets.experiments.preference.judge_panel import judges_of_load
from manybaskets.experiments.preference.schemas import GOLD, OWN, own_of
from manybaskets.records.responses import RESPONSES, write_responses

AUTHORS = ["human", "llama", "outsider"]
RUNS = [("vanilla", 0), ("human", 1), ("multi", 1)]


def written(folder: Path, name: str) -> Path:
    row = dict.fromkeys(RESPONSES) | {"prompt_id": "a", "sample": 0, "turn": 0, "attempts": 1}
    file = folder / f"{name}.parquet"
    write_responses([row | {"text": f"{name} wrote this", "finish_reason": "stop"}], file, {})
    return file


def judges(folder, runs, own=(), adapters=()):
    return judges_of_load(
        "llama",
        runs,
        adapters=[Path(each) for each in adapters],
        summaries={name: written(folder, name) for name in AUTHORS},
        own={run: written(folder, f"{run[0]}-{run[1]}") for run in own},
        published=["human", "llama"],
        outputs=[folder / f"{mix}{seed}" for mix, seed in runs],
    )


def test_with_one_load_every_run_has_its_own_adapter_panel_and_text(tmp_path):
    vanilla, human, multi = judges(tmp_path, RUNS, RUNS[1:], ["adapter-human", "adapter-multi"])
    assert [j.adapter and j.adapter.name for j in (vanilla, human, multi)] == [
        None, "adapter-human", "adapter-multi",
    ]  # fmt: skip
    assert vanilla.panel.authors == AUTHORS
    assert vanilla.panel.guests == [own_of("human", 1), own_of("multi", 1)]
    assert human.panel.authors == multi.panel.authors == [*AUTHORS, OWN]
    assert human.texts[OWN]["a"] == "human-1 wrote this"
    assert multi.texts[OWN]["a"] == vanilla.texts[own_of("multi", 1)]["a"] == "multi-1 wrote this"
    assert OWN not in vanilla.texts
    for judge in (vanilla, human, multi):
        assert set(judge.panel.texts()) <= judge.texts.keys()
        assert judge.panel.published == ["human", "llama"]


def test_a_run_by_itself_sees_what_it_sees_with_one_load(tmp_path):
    together = judges(tmp_path, RUNS, RUNS[1:], ["a", "b"])[2]
    alone = judges(tmp_path, RUNS[2:], RUNS[2:], ["b"])[0]
    assert (alone.panel, alone.texts[OWN]) == (together.panel, together.texts[OWN])


@pytest.mark.parametrize("run", [("vanilla", 0), (GOLD, 0)])
def test_without_own_summaries_and_for_independent_judges_the_authors_are_all(tmp_path, run):
    (judge,) = judges(tmp_path, [run])
    assert judge.adapter is None
    assert (judge.panel.authors, judge.panel.guests) == (AUTHORS, [])
