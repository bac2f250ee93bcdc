"""The plan of the robustness experiment: rows, questions, tokens, hours, before anything runs."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from planned_jobs import planned, study
from repository import ROOT
from robustness_requests import SIZES

from manybaskets.config.loading import parse_study, read_yaml
from manybaskets.experiments.robustness.files import RobustnessFiles
from manybaskets.layout import Files
from manybaskets.models.sizes import model_sizes
from manybaskets.plan.costs import bills
from manybaskets.plan.row_counts import rows_of
from manybaskets.plan.speeds import Priors
from manybaskets.plan.work import WorkOf
from manybaskets.status.journals import rows_done

RUNS = 22  # seven mixes with three seeds, and the untuned target


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The published design on made-up files of its layout."""
    folder = tmp_path_factory.mktemp("files")
    requests = {f"c{n}": [f"request {n}/{i}" for i in range(size)] for n, size in enumerate(SIZES)}
    (folder / "requests.json").write_text(json.dumps(requests))
    rows = [
        {"Name": str(n), "Votes": 20 if n < 28 else 3,
         "Prompt": f"{n} " + "word " * 500 + "[INSERT PROMPT HERE]"}
        for n in range(79)
    ]  # fmt: skip
    (folder / "templates.jsonl").write_text("\n".join(map(json.dumps, rows)))
    settings = read_yaml(ROOT / "config/synthetic-eggs.yaml")
    more = read_yaml(ROOT / "config/synthetic-eggs.robustness.yaml")
    more["robustness"]["requests"]["path"] = str(folder / "requests.json")
    more["robustness"]["templates"]["path"] = str(folder / "templates.jsonl")
    more["models"] = settings["models"] | more["models"]
    return parse_study(settings | more, "config")


def work_of(config) -> WorkOf:
    return WorkOf(config, rows_of(Files(config, Path("/nowhere"))), {})


def test_answers_of_the_published_design(published):
    work = work_of(published)
    everything = work("robustness_respond", {"target": "llama-3.1-8b"})
    one = work("robustness_respond", {"target": "llama-3.1-8b", "mix": "human", "seed": "1"})
    assert one.rows == 886 + 1120
    assert everything.rows == RUNS * one.rows
    # A template of 500 words has some 600 tokens, and makes most of what is read.
    assert 1120 * 500 < one.tokens_in < 2006 * 800
    assert one.tokens_out == one.rows * 250


def test_questions_of_the_published_design(published):
    run = {"target": "llama-3.1-8b", "mix": "human", "seed": "1"}
    work = work_of(published)
    olmo, phi = (work("robustness_judge", {**run, "judge": name}) for name in ("olmo", "phi"))
    shown = 2006 + (2006 + 200) + 2006  # harm; quality, of the control, too; refusal
    assert olmo.rows == pytest.approx(shown * 1.05)  # and the retest
    assert phi.rows == pytest.approx(0.2 * olmo.rows)
    assert olmo.tokens_in > 500 * olmo.rows
    rule = work("robustness_judge", {**run, "judge": "patterns"})
    assert rule.rows == 2006 and rule.tokens == 0
    trial = work("robustness_canaries", {"judge": "olmo"})
    assert 20 < trial.rows < 60 and trial.tokens_out > 0


def test_gpu_hours_of_answers_and_judges(published):
    priors, work = Priors(published, model_sizes(published)), work_of(published)
    run = {"target": "llama-3.1-8b", "mix": "human", "seed": "1"}
    respond = planned("robustness_respond", gpus=1, **run)
    judge = planned("robustness_judge", gpus=1, judge="olmo", **run)
    assert priors.model_of(judge) == "olmo-2-32b" and priors.knows(judge) and priors.knows(respond)
    hours = {
        job.rule: priors(job, work(job.rule, job.wildcards)).total / 3600
        for job in (respond, judge)
    }
    assert 0.02 < hours["robustness_respond"] < 2 and 0.5 < hours["robustness_judge"] < 30
    rule = planned("robustness_judge", judge="patterns", **run)
    assert priors.model_of(rule) is None and priors.task_of(rule) is None
    assert priors(rule, work("robustness_judge", rule.wildcards)).total < 5


def test_a_judge_behind_a_server_has_its_bill(published):
    settings = published.settings()
    engine = {"kind": "openai", "base_url": "https://a.example/v1", "served_model": "m",
              "price_in": 2.0, "price_out": 8.0}  # fmt: skip
    settings["judges"]["olmo"] |= {"model": None, "engine": engine, "family": "olmo"}
    hosted = parse_study(settings, "config")
    work, priors = work_of(hosted), Priors(hosted, model_sizes(hosted))
    run = {"target": "llama-3.1-8b", "mix": "human", "judge": "olmo"}
    jobs = [
        planned("robustness_judge", seed, seed=str(seed), run=seed > 1, **run) for seed in (1, 2)
    ]
    works = {index: work(job.rule, job.wildcards) for index, job in enumerate(jobs)}
    (bill,) = bills(priors, jobs, works, {})
    assert bill.asked == "judge olmo"
    assert bill.to_spend == pytest.approx((works[1].tokens_in * 2 + works[1].tokens_out * 8) / 1e6)
    assert bill.spent == pytest.approx(bill.to_spend), "the other run is done, and recorded nothing"


def test_full_input_reads_more(published):
    own = published.robustness.model_copy(update={"judge_input": "full"})
    full = published.model_copy(update={"robustness": own})
    run = {"target": "llama-3.1-8b", "mix": "human", "seed": "1", "judge": "olmo"}
    assert (
        work_of(full)("robustness_judge", run).tokens_in
        > work_of(published)("robustness_judge", run).tokens_in
    )


def test_missing_files_are_unknown_rows():
    settings = read_yaml(ROOT / "config/synthetic-eggs.yaml")
    more = read_yaml(ROOT / "config/synthetic-eggs.robustness.yaml")
    more["models"] = settings["models"] | more["models"]
    more["robustness"]["requests"]["path"] = "nowhere.json"
    work = work_of(parse_study(settings | more, "config"))
    assert not work("robustness_respond", {"target": "llama-3.1-8b"}).known
    assert not work("robustness_canaries", {"judge": "olmo"}).known


def test_embedded_rows():
    work = work_of(study())
    assert work("robustness_respond", {"target": "llama"}).rows == 19 * (24 + 7 * 12 + 20)


def test_status_counts_answers_and_journals(tmp_path):
    files = Files(study(), tmp_path).stage(RobustnessFiles)
    answered = files.responses("llama", "human", 1, "direct")
    answered.parent.mkdir(parents=True)
    pl.DataFrame({"a": range(5)}).write_parquet(answered)
    folder = tmp_path / "results/embedded/restricted/work/responses/llama/human/seed1/jailbreak"
    journal = folder / "x.jsonl"
    journal.parent.mkdir(parents=True)
    journal.write_text("settings\nrow\nrow\n")
    job = planned("robustness_respond", target="llama", mix="human", seed="1")
    outputs = [
        files.responses("llama", "human", 1, name).relative_to(tmp_path)
        for name in ("direct", "jailbreak")
    ]
    job = type(job)(**{**vars(job), "outputs": outputs})
    assert rows_done(job, tmp_path, [files], 100.0) == 7
