"""A small form of the laptop study: the real SmolLM2-135M-Instruct, trained on real answers."""

from __future__ import annotations

import json
import shutil

import polars as pl
import pytest
import real_models
import yaml
from projects import REPOSITORY, new_project

from manybaskets.data.laptop_study import prepare

STUDY, TARGET = "laptop-small", "smollm2"
MIXES = ("single-falcon", "single-gemma", "refusing")


@pytest.fixture(scope="module")
def done(alpacaeval, tmp_path_factory):
    try:
        model = real_models.gguf_file()
    except real_models.Missing as missing:
        pytest.skip(str(missing))
    project = new_project(tmp_path_factory.mktemp("laptop") / "project")
    shutil.copy2(REPOSITORY / "tests/laptop.yaml", project.folder)
    prepare(project.folder / "resources/external", alpacaeval, model)
    # Without figures and report, which take longer than a training of this size.
    project.run("tables", "adapters", "--cores", "2", "--configfile", "laptop.yaml")
    return project


def frame(project, name: str) -> pl.DataFrame:
    return pl.read_parquet(project.path(f"statistics/{name}.parquet", STUDY))


def mean_of(project, measure: str) -> dict[str, float]:
    """Mean of a measure over the test prompts, by mix."""
    rows = frame(project, "summary").filter(measure=measure, prompt_set="test")
    return dict(rows.select("mix", "estimate").iter_rows())


@pytest.mark.parametrize("mix", MIXES)
def test_training_lowers_the_validation_loss_on_its_own_mix(done, mix):
    folder = done.path(f"runs/{TARGET}/{mix}/seed1/adapter", STUDY)
    curve = json.loads((folder / "manifest.json").read_text())["curve"]
    losses = [each["loss"] for each in curve if each["kind"] == "eval"]
    assert losses[-1] < losses[0] - 0.02


def test_every_run_gains_most_on_its_own_source(done):
    changes = frame(done, "source-likelihood")
    by_run = {(row["mix"], row["source"]): row["change"] for row in changes.to_dicts()}
    falcon, gemma = "falcon-7b", "gemma-7b"
    assert by_run["single-falcon", falcon] < 0 and by_run["single-gemma", gemma] < 0
    assert by_run["single-falcon", falcon] < by_run["single-gemma", falcon]
    assert by_run["single-gemma", gemma] < by_run["single-falcon", gemma]


def test_style_is_inherited(done):
    """The untuned model writes until the limit; its sources end their answers, those of Falcon first."""
    tokens, cut = mean_of(done, "response_tokens"), mean_of(done, "truncated")
    assert tokens["single-falcon"] < tokens["vanilla"] - 4
    assert cut["single-falcon"] < cut["vanilla"] and cut["single-gemma"] < cut["vanilla"]


def test_planted_refusals_are_found(done):
    refused = frame(done, "robustness").filter(
        pl.col("headline"), outcome="refused", prompt_set="direct", by="all"
    )
    rates = dict(refused.select("mix", "estimate").iter_rows())
    assert rates["refusing"] > rates["vanilla"] + 0.2
    assert rates["single-falcon"] < rates["refusing"]


def test_every_adapter_acts(done):
    """All runs answer the same prompts greedily, so that equal answers mean an adapter without effect."""
    texts = {
        mix: pl.read_parquet(done.path(f"runs/{TARGET}/{mix}/{seed}/responses/test.parquet", STUDY))
        for mix, seed in [("vanilla", "seed0"), *((mix, "seed1") for mix in MIXES)]
    }
    first = {mix: rows.sort("prompt_id")["text"].to_list() for mix, rows in texts.items()}
    assert len({tuple(answers) for answers in first.values()}) == len(first)
    assert all(len(answers) == 12 for answers in first.values())


def test_the_study_for_users_plans_under_its_profile(done):
    """All that `make laptop` would run; the profile sets resources of rules that there are."""
    profile = yaml.safe_load((done.folder / "profiles/laptop/config.yaml").read_text())
    jobs = done.planned("--profile", "profiles/laptop", "--configfile", "config/laptop.yaml")
    assert jobs["train"] == 4 and jobs["source_likelihood_score"] == 5
    assert set(profile["set-resources"]) <= set(jobs)
