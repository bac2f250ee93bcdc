"""Studies of real answers alone: twelve models on the same prompts, and all human answers of Dolly."""

from __future__ import annotations

import shutil

import polars as pl
import pytest
from projects import REPOSITORY, new_project

MODELS, HUMANS = "alpacaeval", "dolly-human"
LLAMAS = ("llama-3.1-8b", "llama-3.1-70b", "llama-3.1-405b")


@pytest.fixture(scope="module")
def models(alpacaeval, tmp_path_factory):
    project = new_project(tmp_path_factory.mktemp("models") / "project")
    shutil.copy2(REPOSITORY / "tests/alpacaeval.yaml", project.folder)
    (project.folder / "answers").symlink_to(alpacaeval)
    project.run("--cores", "2", "--configfile", "alpacaeval.yaml")
    return project


@pytest.fixture(scope="module")
def humans(dolly, tmp_path_factory):
    project = new_project(tmp_path_factory.mktemp("humans") / "project")
    shutil.copy2(REPOSITORY / "tests/dolly-human.yaml", project.folder)
    (project.folder / "dolly.jsonl.gz").symlink_to(dolly)
    project.run("--cores", "2", "--configfile", "dolly-human.yaml")
    return project


def values(project, study: str, measure: str) -> dict[str, tuple[float, float, float]]:
    """Estimate and interval by source."""
    table = pl.read_csv(project.path("tables/conditions-sources.csv", study))
    rows = table.filter(pl.col("measure") == measure)
    return {source: tuple(rest) for source, *rest in rows.select("source", "value", "low", "high").rows()}  # fmt: skip


def test_falcon_is_short_and_alone(models):
    words = values(models, MODELS, "response_words")
    assert len(words) == 12 and min(words, key=lambda name: words[name][0]) == "falcon-7b"
    assert all(words["falcon-7b"][2] < words[name][1] for name in LLAMAS)
    alike = pl.read_csv(models.path("tables/similarity.csv", MODELS))
    for _, group in alike.group_by("compared by"):
        assert group.sort("value")["source"][0] == "falcon-7b"
        assert (group["low"] > group["shuffled"]).all()


def test_the_large_llamas_are_nearest_to_each_other(models):
    pairs = pl.read_parquet(models.path("statistics/source-distances.parquet", MODELS))
    for kind, most in (("rouge_l", True), ("rouge_1", True), ("embedding", False)):
        own = pairs.filter(pl.col("kind") == kind).sort("value", descending=most)
        assert {own["first"][0], own["second"][0]} == {"llama-3.1-70b", "llama-3.1-405b"}, kind


def test_who_writes_lists_and_who_writes_bold(models):
    lists = values(models, MODELS, "style_lists")
    bold = values(models, MODELS, "style_strong")
    assert lists["gpt-4o"][1] > lists["falcon-7b"][2]
    assert bold["falcon-7b"][0] == 0 and bold["gemma-7b"][1] > bold["deepseek-67b"][2]


def test_lengths_stand_beside_every_value_and_the_report_is_there(models):
    table = pl.read_csv(models.path("tables/conditions-sources.csv", MODELS))
    assert table["mean_words"].null_count() == 0 and table["n_prompts"].null_count() == 0
    page = models.path("report.html", MODELS).read_text()
    assert "falcon-7b" in page and "toy models" not in page
    compared = pl.read_csv(models.path("tables/comparisons-sources.csv", MODELS))
    falcon = compared.filter(
        (pl.col("measure") == "response_words") & (pl.col("source") == "falcon-7b")
    )
    assert falcon["high"].item() < 0 and falcon["p_holm"].item() < 0.05


def test_nothing_is_trained_and_nothing_is_left_to_do(models):
    assert models.planned("--configfile", "alpacaeval.yaml") == {}
    assert not models.path("runs", MODELS).exists() and not models.path("mixes", MODELS).exists()


def test_all_human_answers_of_dolly_are_measured(humans):
    counts = pl.read_csv(humans.path("tables/counts.csv", HUMANS))
    read = counts.filter(pl.col("what") == "rows read")["count"].item()
    words = pl.read_csv(humans.path("tables/conditions-sources.csv", HUMANS)).filter(
        pl.col("measure") == "response_words"
    )
    assert read == 15_015 and words["n_prompts"].item() + words["n_excluded"].item() > 14_900
    # Most answers of people are short, a few are very long.
    assert words["median"].item() < words["value"].item() < 100
    assert values(humans, HUMANS, "style_strong")["human"][2] < 0.05
    beta = values(humans, HUMANS, "heaps_beta")["human"][0]
    assert 0.4 < beta < 0.9
