"""The browser of the finished study: all of its answers, and none of its restricted texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from browsed_study import unpacked, unpacked_value
from chromium import axe_violations, open_chromium, watched_page


def strings(value: Any) -> list[str]:
    """All strings of a JSON value."""
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [text for each in inner for text in strings(each)]


def texts_in(folder: Path) -> set[str]:
    """All texts in the tables of a folder; prompts and answers have more than eight characters."""
    texts: set[str] = set()
    for file in folder.rglob("*.parquet"):
        for column in pl.read_parquet(file).iter_columns():
            if column.dtype == pl.String:
                texts |= {text for text in column.drop_nulls().unique() if len(text) > 8}
    return texts


@pytest.fixture(scope="module")
def folder(finished) -> Path:
    return finished.path("browse")


def test_no_restricted_text_is_in_it(finished, folder):
    results = finished.path("restricted").parent
    rooms = ("data", "sources", "runs", "robustness", "mixes")
    elsewhere = "\n".join(text for room in rooms for text in texts_in(results / room))
    # Tiny models say the same sentences everywhere; what only restricted answers say has to stay there.
    beginnings = {text[:80] for text in texts_in(finished.path("restricted"))}
    restricted = [text for text in beginnings if text not in elsewhere]
    assert len(restricted) > 500
    data = folder / "data"
    found = [unpacked(file).decode() for file in data.rglob("*.js") if "values" not in file.name]
    for file in data.rglob("texts-*.js"):
        found += strings(unpacked_value(file))
    shown = "\n".join([*found, (folder / "index.html").read_text()])
    assert [text for text in restricted if text in shown] == []
    public = [text for text in elsewhere.split("\n") if len(text) > 40]
    assert sum(text in shown for text in public[:500]) > 200  # the search finds what is there


def test_it_holds_all_answers_of_runs_and_sources(finished, folder):
    study = unpacked_value(folder / "data/study.js")
    sizes = {each["name"]: (each["prompts"], len(each["conditions"])) for each in study["sets"]}
    assert (
        sizes["test"] == (200, 25) and sizes["refused"] == (48, 25) and sizes["train"] == (800, 5)
    )
    number = [each["name"] for each in study["sets"]].index("test")
    index = unpacked_value(folder / f"data/{number}/index.js")
    files = sorted(
        (folder / f"data/{number}").glob("texts-*.js"),
        key=lambda file: int(file.stem.split("-")[1]),
    )
    entries = [entry for file in files for entry in unpacked_value(file)]
    labels = [each["label"] for each in study["sets"][number]["conditions"]]
    answers = pl.read_parquet(finished.path("runs/llama/multi/seed2/responses/test.parquet"))
    shown = {
        prompt_id: text
        for prompt_id, entry in zip(index["ids"], entries, strict=True)
        for condition, _, _, text, *_ in entry["answers"]
        if labels[condition] == "multi, seed 2"
    }
    assert shown == dict(answers.select("prompt_id", "text").iter_rows())


def test_it_opens_from_the_disk(folder):
    with open_chromium() as browser:
        page = watched_page(browser)
        page.goto(f"file://{folder}/index.html#0b6c80149029779d-0")
        page.wait_for_selector("article")
        assert page.inner_text("#prompt-title") == "Prompt 0b6c80149029779d-0"
        assert page.locator("article").count() == 25  # people wrote no answer to it
        assert axe_violations(page) == []
        assert page.faults == []
