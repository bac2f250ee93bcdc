"""How near the plan comes: against what a small study's jobs took on two idle cores."""

import json

import pytest
from planned_jobs import dry_run, study, write_benchmark

from manybaskets.layout import Files
from manybaskets.models.sizes import model_sizes
from manybaskets.plan.past_jobs import Speeds, lengths_of_sources
from manybaskets.plan.row_counts import rows_of
from manybaskets.plan.speeds import Priors
from manybaskets.plan.work import WorkOf

# 600 rows, two sources, one target with two seeds of four mixes; seconds of each job's benchmark. Answers
# and likelihoods: of the untuned run. Those of tuned runs were not timed one by one.
TAKEN = {
    "pretrain": [16.09, 17.57],
    "pilot": [4.82, 4.97],
    "generate": [7.77, 7.79],
    "train": [9.30, 8.77, 9.33, 8.74, 9.63, 8.21, 8.58, 9.20],
    "respond": [5.41],
    "score_target": [4.95],
    "measure": [0.63, 0.76, 0.72, 0.74, 0.75],
    "embed": [8.34],
}
USAGES = {"llama": (339, 209, 0.0867), "qwen": (347, 220, 0.1057)}  # of the trials of eight prompts
DONE = ("pretrain", "pilot")


@pytest.fixture(scope="module")
def small():
    settings = study().settings()
    settings["study"] = "s"
    settings["dataset"]["rows"] = 600
    settings["split"] = {"parts": 2}
    settings["embedded_model_size"]["steps"] = 120
    settings["models"] = {name: settings["models"][name] for name in ("llama", "qwen")}
    settings["sources"] = {name: settings["sources"][name] for name in ("llama", "qwen")}
    for source in settings["sources"].values():
        source["pilot"]["prompts"] = 8
    singles = {f"single-{name}": {"kind": "single", "source": name} for name in ("llama", "qwen")}
    multi = {"kind": "multi", "sources": ["llama", "qwen"]}
    settings["mixes"] = {"human": {"kind": "human"}} | singles | {"multi": multi}
    settings["training"]["seeds"] = [1, 2]
    settings["responses"]["share_model_load"] = "run"
    settings["prompt_sets"]["refused"]["count"] = 16
    settings |= {"comparisons": {}, "source_counts": {}, "source_analysis": None}
    settings |= {"judges": {}, "robustness": None, "preference": None}
    settings["scoring"] = {"no_scorer_reason": "a small study"}
    settings["measures"] = [name for name in settings["measures"] if "scorer" not in name]
    return study(**settings)


@pytest.fixture(scope="module")
def jobs(small, tmp_path_factory):
    """The jobs of the study that were timed."""
    found, _ = dry_run(small, tmp_path_factory.mktemp("small"))
    timed = [job for job in found if job.rule in TAKEN]
    tuned = {"respond", "score_target"}
    return [j for j in timed if j.rule not in tuned or j.wildcards["mix"] == "vanilla"]


def ratios(config, jobs, root):
    """Planned over real seconds, by kind of the jobs that are not done, and of all of these."""
    files = Files(config, root)
    work = WorkOf(config, rows_of(files), lengths_of_sources(jobs, files))
    speeds = Speeds(Priors(config, model_sizes(config)), work, jobs, files)
    planned_seconds = dict.fromkeys(TAKEN, 0.0)
    for job in jobs:
        planned_seconds[job.rule] += speeds(job, work(job.rule, job.wildcards))[0].total
    found = {kind: planned_seconds[kind] / sum(TAKEN[kind]) for kind in TAKEN if kind not in DONE}
    real = sum(sum(TAKEN[kind]) for kind in found)
    return found, sum(planned_seconds[kind] for kind in found) / real


def finish_trials(jobs, root):
    """The state after the trials: models and trials have benchmarks and recorded their rows."""
    left = {kind: iter(TAKEN[kind]) for kind in DONE}
    for job in jobs:
        if job.rule in left:
            write_benchmark(root, job, next(left[job.rule]))
    for name, (prompt, answer, seconds) in USAGES.items():
        usage = root / f"results/s/work/sources/{name}/pilot/usage.json"
        usage.parent.mkdir(parents=True)
        counts = {"rows": 8, "prompt_tokens": prompt, "completion_tokens": answer}
        usage.write_text(json.dumps(counts | {"seconds": seconds}))


def test_the_jobs_are_those_that_ran(jobs):
    kinds = [job.rule for job in jobs]
    assert {kind: kinds.count(kind) for kind in TAKEN} == {k: len(v) for k, v in TAKEN.items()}


def test_priors_alone_are_within_a_factor_of_three(small, jobs, tmp_path):
    kinds, all_of_them = ratios(small, jobs, tmp_path)
    assert all(1 / 3 < ratio < 3 for ratio in kinds.values()), kinds
    assert 0.5 < all_of_them < 2


def test_after_the_trials_the_rest_is_within_a_factor_of_two(small, jobs, tmp_path):
    finish_trials(jobs, tmp_path)
    kinds, all_of_them = ratios(small, jobs, tmp_path)
    assert all(0.5 < ratio < 2 for ratio in kinds.values()), kinds
    assert 0.7 < all_of_them < 1.4


def test_on_a_machine_four_times_slower_the_trials_tell(small, jobs, tmp_path, monkeypatch):
    slow = {kind: [4 * seconds for seconds in taken] for kind, taken in TAKEN.items()}
    monkeypatch.setitem(globals(), "TAKEN", slow)
    slower = {name: (*tokens, 4 * seconds) for name, (*tokens, seconds) in USAGES.items()}
    monkeypatch.setitem(globals(), "USAGES", slower)
    assert ratios(small, jobs, tmp_path)[1] < 0.4
    finish_trials(jobs, tmp_path)
    kinds, all_of_them = ratios(small, jobs, tmp_path)
    assert all(0.5 < ratio < 2 for ratio in kinds.values()), kinds
    assert 0.7 < all_of_them < 1.4
