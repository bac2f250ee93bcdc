"""A study of one's own on real data: Dolly from the raw file to the report."""

from __future__ import annotations

import json
import shutil

import polars as pl
import pytest
from projects import REPOSITORY, new_project

from manybaskets.config.models import EmbeddedModelSize, Prompting
from manybaskets.config.sections import Fields
from manybaskets.data.reading import read_rows
from manybaskets.mixes.mix_rows import read_mix

STUDY = "dolly"


def make_tiny_model(dolly, folder, work) -> None:
    """A model that has read some Dolly rows: its words come out, its sentences make no sense."""
    from manybaskets.chat import ChatRenderer
    from manybaskets.training import tiny_models
    from manybaskets.training.encoded_rows import encode_rows
    from manybaskets.training.fitting import fit

    size = EmbeddedModelSize(hidden=64, layers=2, heads=2, vocabulary=1500, max_length=1024)
    rows = read_rows(dolly, Fields()).filter(pl.col("response").str.len_chars() < 300).head(3000)
    texts = (rows["instruction"] + "\n" + rows["response"]).to_list()
    tokenizer = tiny_models.train_tokenizer("llama", texts, size.vocabulary, size.max_length)
    model = tiny_models.build_model("llama", tokenizer, size, seed=1)
    renderer = ChatRenderer(tokenizer, Prompting().system_prompt, Prompting().date, "tiny")
    chats = [
        {
            "messages": [
                {"role": "user", "content": row["instruction"][:300]},
                {"role": "assistant", "content": row["response"]},
            ],
            "prompt_id": str(row["row"]),
            "source": "human",
        }
        for row in rows.iter_rows(named=True)
    ]
    fit(model, encode_rows(chats, renderer, 1024), [], pad=tokenizer.pad_token_id, folder=work / "tiny",
        max_steps=1200, per_device_train_batch_size=8, learning_rate=4e-3, warmup_steps=10,
        logging_steps=50, save_strategy="no")  # fmt: skip
    tiny_models.save_model(model, tokenizer, folder)


@pytest.fixture(scope="module")
def done(dolly, tmp_path_factory):
    project = new_project(tmp_path_factory.mktemp("dolly") / "project")
    shutil.copy2(REPOSITORY / "tests/dolly.yaml", project.folder / "dolly.yaml")
    (project.folder / "dolly.jsonl.gz").symlink_to(dolly)
    make_tiny_model(dolly, project.folder / "tiny", project.folder / "work")
    project.run("--cores", "2", "--configfile", "dolly.yaml")
    return project


def test_all_rows_are_cleaned_split_and_dealt_into_parts(done):
    counts = json.loads(done.path("data/clean.json", STUDY).read_text())
    assert counts["rows"] == 15_015 == counts["kept"] + sum(counts["dropped"].values())
    split = pl.read_parquet(done.path("data/split.parquet", STUDY))
    assert split.height == counts["kept"] and split["prompt_id"].is_unique().all()
    assert 0 < counts["dropped"]["max_instruction_characters"] < 300
    assert split.filter(pl.col("split") == "test").height == -(-counts["kept"] // 10)
    sizes = split.filter(pl.col("part").is_not_null()).group_by("part").len()["len"]
    assert len(sizes) == 2 and sizes.max() - sizes.min() <= 1
    text = ["instruction", "context"]
    test, rest = (split.filter((pl.col("split") == "test") == side) for side in (True, False))
    assert test.join(rest, on=text, how="semi").height == 0


def test_the_mixes_are_controlled(done):
    folders = {name: done.path(f"mixes/{name}/train.jsonl", STUDY)
               for name in ("human", "single-cool", "single-warm", "multi", "half-human")}  # fmt: skip
    rows = {name: read_mix(file) for name, file in folders.items()}
    ids = {name: [row["prompt_id"] for row in each] for name, each in rows.items()}
    assert all(each == ids["human"] for each in ids.values()) and len(ids["human"]) > 150
    halves = [row["source"] for row in rows["half-human"]]
    assert abs(halves.count("human") - halves.count("cool")) <= 2
    by_part = {(row["part"], row["source"]) for row in rows["multi"]}
    assert by_part == {(1, "cool"), (2, "warm")}


def test_the_report_is_reached_and_counts_what_left(done):
    page = done.path("report.html", STUDY).read_text()
    assert "single-warm" in page and "toy models" not in page
    summary = pl.read_parquet(done.path("statistics/summary.parquet", STUDY))
    assert summary.filter(pl.col("measure") == "human_nll").height == 6
    assert summary["estimate"].is_finite().all()
    eligible = pl.read_parquet(done.path("mixes/eligible.parquet", STUDY))
    assert eligible.height == 240
    assert set(eligible.filter(~pl.col("eligible"))["reason"]) <= {"too long", "failed answer"}


def test_a_failed_trial_goes_on_for_a_reason_that_the_report_shows(done):
    verdict = json.loads(done.path("sources/cool/pilot.json", STUDY).read_text())
    assert verdict["verdict"] == "overridden" and verdict["failed"]
    assert "word salad stands in" in done.path("report.html", STUDY).read_text()
