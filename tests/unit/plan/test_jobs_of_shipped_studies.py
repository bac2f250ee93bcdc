"""Every job of every shipped config: its time limit fits its estimate, and it uses the GPUs it asks for."""

from __future__ import annotations

import contextlib
import json
import math

import pytest
from planned_jobs import ROOT, dry_run

from manybaskets.config import loading
from manybaskets.layout import Files
from manybaskets.models.sizes import model_sizes
from manybaskets.plan.machine import read_machine
from manybaskets.plan.past_jobs import Speeds
from manybaskets.plan.row_counts import rows_of
from manybaskets.plan.speeds import NETWORK, Priors
from manybaskets.plan.work import WorkOf

EGGS, WILDCHAT = "synthetic-eggs", "wildchat-50m"
STUDIES = {
    EGGS: [EGGS],
    "paper": [EGGS, f"{EGGS}.paper"],
    "robustness": [EGGS, f"{EGGS}.robustness"],
    "preference": [EGGS, f"{EGGS}.preference"],
    "source-counts": [EGGS, f"{EGGS}.source-counts"],
    WILDCHAT: [WILDCHAT],
    "embedded": ["config"],
}
MACHINE = read_machine(ROOT / "slurm/machine.yaml")
GIB = 2.0**30
BYTES = {"float32": 4, "bfloat16": 2, "fp8": 1}


def bring_requests(folder) -> None:
    """Files of the layout of those that do not ship."""
    outside = folder / "resources/external"
    outside.mkdir(parents=True)
    sizes = (143, 110, 110, 110, 110, 103, 100, 100)  # 886 in all
    requests = {f"c{n}": [f"request {n}/{i}" for i in range(each)] for n, each in enumerate(sizes)}
    (outside / "refusalbench.json").write_text(json.dumps(requests))
    lines = [f"{n},{n}: [INSERT PROMPT HERE],20,1,TRUE" for n in range(79)]
    head = "Name,Prompt,Votes,Jailbreak Score,GPT-4"
    (outside / "jailbreak-prompts.csv").write_text("\n".join([head, *lines]))


def settings_of(files) -> dict:
    """What Snakemake makes of config files that are passed one after the other."""

    def merged(base, changes):
        both = dict(base)
        for key, value in changes.items():
            deeper = isinstance(value, dict) and isinstance(both.get(key), dict)
            both[key] = merged(both[key], value) if deeper else value
        return both

    settings: dict = {}
    for name in files:
        settings = merged(settings, loading.read_yaml(ROOT / f"config/{name}.yaml"))
    return settings


@pytest.fixture(scope="module", params=STUDIES)
def planned_study(request, tmp_path_factory):
    """A study, its priors, and its jobs with their work and seconds."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "robustness":
        bring_requests(folder)
    study = loading.parse_study(settings_of(STUDIES[request.param]), request.param)
    jobs, _ = dry_run(study, folder)
    files = Files(study, folder)
    work = WorkOf(study, rows_of(files), {})
    speeds = Speeds(Priors(study, model_sizes(study)), work, jobs, files)
    with contextlib.chdir(folder):  # the paths of a user's files start there
        works = [(job, work(job.rule, job.wildcards)) for job in jobs if job.outputs]
        return (
            study,
            speeds.priors,
            [(job, todo, speeds(job, todo)[0].total) for job, todo in works],
        )


def test_no_estimate_exceeds_its_limit_and_limits_of_gpus_are_not_much_longer(planned_study):
    _, priors, jobs = planned_study
    share, checked = MACHINE.time_limits, 0
    for job, todo, seconds in jobs:
        limit, what = job.asked["runtime"], (job.rule, dict(job.wildcards))
        assert seconds / 60 <= limit <= MACHINE.max_runtime, what
        bound = max(share.minimum, share.startup + share.factor * seconds / 60)
        served = priors.device_of(job) == NETWORK
        if (todo.rows or todo.tokens) and not served:
            # Shards differ by a row, and a limit is a multiple of ten minutes.
            assert limit <= bound + 10 + 1, (what, bound)
            checked += 1
        else:
            assert job.gpus == 0 and limit <= max(480, bound + 10), what
    assert checked > len(jobs) / 5


def test_no_job_asks_for_gpus_that_it_does_not_use(planned_study):
    """Not the answering ones, whose engine has a number of its own or takes all; not trainings, with a
    process on each; and none whose model is spread, if fewer would hold it."""
    study, priors, jobs = planned_study
    for job in (job for job, *_ in jobs if job.gpus):
        what = (job.rule, dict(job.wildcards), job.gpus)
        model = priors.model_of(job)
        assert model, f"{what}: no model"
        if job.rule == "train":
            own = study.training.of_target(job.wildcards["target"], job.gpus)
            assert own.processes == job.gpus, what
            continue
        engine, precision = priors.engine_of(job), study.training.precision
        if engine is not None:
            assert engine.needs_gpu and not engine.remote, what
            precision = engine.weights_format(precision)
            if engine.gpus_given():
                assert engine.gpus_given() == job.gpus, what
                continue
        judge = study.judges.get(job.wildcards.get("judge"))
        if judge is not None and judge.kind == "classifier":
            precision = "float32"
        gigabytes = priors.sizes[model] * BYTES[precision] / (0.75 * MACHINE.gpu.memory_gib * GIB)
        assert job.gpus == 2 ** max(0, math.ceil(math.log2(gigabytes))), what


def test_jobs_that_ask_for_none_run_no_model_of_a_gpu(planned_study):
    _, priors, jobs = planned_study
    for job in (job for job, *_ in jobs if not job.gpus and priors.task_of(job)):
        engine, model = priors.engine_of(job), priors.model_of(job)
        size = priors.sizes.get(model) if model else None
        elsewhere = engine is not None and (engine.remote or not engine.needs_gpu)
        assert elsewhere or not size, (job.rule, dict(job.wildcards))
