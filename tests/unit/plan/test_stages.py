"""Every rule belongs to a stage that plan and status show, and the time of those with a model is known."""

from __future__ import annotations

import re

import pytest
from planned_jobs import ROOT, dry_run, planned, study

from manybaskets.layout import Files
from manybaskets.models.sizes import model_sizes
from manybaskets.plan.machine import Machine
from manybaskets.plan.making import make_plan
from manybaskets.plan.row_counts import rows_of
from manybaskets.plan.schedule import Width
from manybaskets.plan.speeds import Priors
from manybaskets.plan.work import WorkOf
from manybaskets.status.study_status import read_status

RULE = re.compile(r"^\s*(?:use rule (?P<base>\w+) as|rule) (?P<name>\w+)( with)?:", re.M)
NO_STAGES = {"common", "placement", "plan"}


def rules() -> dict[str, str]:
    """Text of every rule that makes something, with that of the rule that it is a variant of."""
    found: dict[str, str] = {}
    for file in sorted((ROOT / "workflow/rules").glob("*.smk")):
        text = file.read_text()
        heads = list(RULE.finditer(text))
        ends = [head.start() for head in heads[1:]] + [len(text)] * bool(heads)
        for head, end in zip(heads, ends, strict=True):
            found[head["name"]] = found.get(head["base"], "") + text[head.end() : end]
    return found


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    return dry_run(study(), tmp_path_factory.mktemp("embedded"))


def test_plan_and_status_show_every_job_under_the_same_stages(embedded, tmp_path):
    config, (jobs, stages) = study(), embedded
    files, sizes = Files(config, tmp_path), model_sizes(config)
    status = read_status(files, sizes, jobs, stages)
    plan = make_plan(
        files, sizes, jobs, Width(cores=2), stages=stages, cluster=False, machine=Machine()
    )
    shown = dict.fromkeys(each.stage for each in status.progress)
    assert list(shown) == [each.stage for each in plan.stages]
    for stage in plan.stages:
        of_status = sum(each.jobs for each in status.progress if each.stage == stage.stage)
        assert (
            of_status
            == stage.to_run
            == sum(job.stage == stage.stage for job in jobs if job.outputs)
        )
    # No rule that makes something stands in the Snakefile or in a file of helpers.
    assert not shown.keys() & {"Snakefile", *NO_STAGES}


def test_every_stage_is_explained():
    files = {file.stem for file in (ROOT / "workflow/rules").glob("*.smk")} - {"common"}
    table = (ROOT / "docs/development.md").read_text()
    assert {name for name in files if f"| `{name}.smk` |" not in table} <= {"plan"}


def test_every_rule_with_a_model_has_a_prior_and_rows():
    """A new one needs a line in `TASKS` of plan/speeds.py and one in plan/work.py; one of an
    experiment needs a `JobProfile` with a task."""
    with_gpu = [name for name, text in rules().items() if re.search(r"^\s+gpu=", text, re.M)]
    assert {"train", "score_fixed", "divergence", "generate", "score_target"} <= set(with_gpu)
    harness = {"tasks": {"facts": {}}, "harness": {"tasks": ["facts"]}}
    config = study(source_likelihood={}, benchmarks=harness)
    work = WorkOf(config, rows_of(Files(config, ROOT / "nowhere")), {})
    kinds = {planned(name).rule for name in with_gpu}
    assert kinds <= Priors(config, model_sizes(config)).tasks.keys()
    assert kinds <= work.kinds


@pytest.mark.parametrize(
    ("kind", "model", "tokens"),
    [("score_fixed", "olmo-2-7b", 1502 * 23), ("divergence", "llama-3.1-70b", 200 * 22)],
)
def test_scoring_by_another_model_and_comparing_runs_have_hours_of_gpus(
    kind, model, tokens, tmp_path
):
    """Seven mixes with three seeds and the untuned target; the scorer reads the human answers, too."""
    config = study("synthetic-eggs")
    job = planned(kind, gpus=1, target="llama-3.1-70b")
    priors = Priors(config, model_sizes(config))
    work = WorkOf(config, rows_of(Files(config, tmp_path)), {})(kind, job.wildcards)
    assert work.rows == tokens
    assert priors.model_of(job) == model and priors.knows(job)
    loading = 2 * model_sizes(config)[model] / 1e9
    assert priors(job, work).setup == pytest.approx(20 + loading)
    half = planned(kind, gpus=2, target="llama-3.1-70b")
    assert priors(half, work).work == pytest.approx(priors(job, work).work / 2)


def test_a_study_without_scorer_only_joins_tables(tmp_path):
    settings = study("synthetic-eggs").settings()
    measures = [name for name in settings["measures"] if "scorer" not in name]
    config = study("synthetic-eggs", scoring={"no_scorer_reason": "a test"}, measures=measures,
                   source_analysis=None, comparisons={})  # fmt: skip
    job = planned("score_fixed", target="llama-3.1-8b")
    work = WorkOf(config, rows_of(Files(config, tmp_path)), {})("score_fixed", job.wildcards)
    assert work.tokens == 0 and Priors(config, model_sizes(config))(job, work).total < 5
