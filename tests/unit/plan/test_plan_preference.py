"""The plan of self-preference: summaries, questions, tokens, hours, before anything runs."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from planned_jobs import planned, study
from repository import ROOT

from manybaskets.config.loading import parse_study, read_yaml
from manybaskets.experiments.preference.files import PreferenceFiles
from manybaskets.experiments.preference.judge_panel import panel_in
from manybaskets.experiments.preference.questions import lay_out, number_of_questions
from manybaskets.layout import Files
from manybaskets.models.sizes import model_sizes
from manybaskets.plan.row_counts import rows_of
from manybaskets.plan.speeds import Priors
from manybaskets.plan.work import WorkOf
from manybaskets.status.journals import rows_done


@pytest.fixture(scope="module")
def published():
    settings = read_yaml(ROOT / "config/synthetic-eggs.yaml")
    more = read_yaml(ROOT / "config/synthetic-eggs.preference.yaml")
    merged = settings | more
    for section in ("models", "sources"):
        merged[section] = settings[section] | more.get(section, {})
    return parse_study(merged, "config")


def work_of(config) -> WorkOf:
    return WorkOf(config, rows_of(Files(config, Path("/nowhere"))), {})


@pytest.mark.parametrize("run", [("vanilla", 0), ("multi", 2), ("gold", 0)])
def test_questions_are_as_many_as_are_asked(run):
    config = study()
    panel = panel_in(config, "outsider" if run[0] == "gold" else "llama", run)
    texts = {author: {"a": f"{author} says so."} for author in panel.texts()}
    items = lay_out(config.preference.judging, panel, {"a": "An article."}, texts, 1)
    counted = (
        pl.DataFrame([(i.protocol, i.variant) for i in items], orient="row")
        .group_by(pl.all())
        .len()
    )
    expected = number_of_questions(config.preference.judging, panel)
    assert {(protocol, variant): n for protocol, variant, n in counted.rows()} == expected


def test_the_corrected_design_has_its_questions(published):
    """Seven texts make 21 pairs, asked in two orders with two sets of markers about 300 articles."""
    panel = panel_in(published, "llama-3.1-8b", ("human", 1))
    asked = number_of_questions(published.preference.judging, panel)
    assert asked["pairwise", "corrected"] * published.preference.count == 25_200
    assert asked["pairwise", "paper"] == 20
    work = work_of(published)
    run = work("preference_judge", {"target": "llama-3.1-8b", "mix": "human", "seed": "1"})
    assert run.rows == 300 * sum(asked.values())
    whole = work("preference_judge", {"target": "llama-3.1-8b"})
    assert whole.rows > 22 * run.rows  # the untuned target reads all runs' texts
    # A question has two summaries and its own words; the article is read once for all.
    assert 150 < run.tokens_in / run.rows < 300


def test_summaries_and_judges_have_hours_of_gpus(published):
    priors, work = Priors(published, model_sizes(published)), work_of(published)
    for kind, wildcards, model in (
        ("preference_summaries", {"author": "gemma-2-9b"}, "gemma-2-9b"),
        ("preference_own_summaries", {"target": "llama-3.1-8b", "mix": "human", "seed": "1"}, "llama-3.1-8b"),
        ("preference_judge", {"target": "llama-3.1-70b", "mix": "human", "seed": "1"}, "llama-3.1-70b"),
        ("preference_judge_gold", {"model": published.preference.gold_judges[0]}, published.preference.gold_judges[0]),
    ):  # fmt: skip
        job = planned(kind, gpus=1, **wildcards)
        assert priors.knows(job) and priors.model_of(job) == model
        todo = work(kind, wildcards)
        assert todo.known and todo.rows >= published.preference.count
        assert 1 < priors(job, todo).total < 20 * 3600
    assert work("preference_summaries", {"author": "gemma-2-9b"}).rows == 300


def test_status_counts_summaries_and_their_journals(tmp_path):
    files = Files(study(), tmp_path).stage(PreferenceFiles)
    written = files.own_summaries("llama", "human", 1)
    written.parent.mkdir(parents=True)
    pl.DataFrame({"a": range(12)}).write_parquet(written)
    journal = tmp_path / "results/embedded/work/preference/own/llama/multi/seed2/x.jsonl"
    journal.parent.mkdir(parents=True)
    journal.write_text("settings\nrow\nrow\n")
    job = planned("preference_own_summaries", target="llama")
    runs = [("human", 1), ("multi", 2)]
    outputs = [files.own_summaries("llama", *run).relative_to(tmp_path) for run in runs]
    job = type(job)(**{**vars(job), "outputs": outputs})
    assert rows_done(job, tmp_path, [files], 100.0) == 14
