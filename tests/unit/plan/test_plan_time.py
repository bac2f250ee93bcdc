"""Seconds of jobs by priors and by measurement, and the wall time of many."""

import json

import pytest
from planned_jobs import planned, study, write_benchmark

from manybaskets.experiments import Work
from manybaskets.layout import Files
from manybaskets.plan.past_jobs import PRIOR, Speeds, lengths_of_sources, read_benchmark
from manybaskets.plan.row_counts import rows_of
from manybaskets.plan.schedule import Width, timetable
from manybaskets.plan.speeds import CPU, GPU, NETWORK, Priors
from manybaskets.plan.work import WorkOf

EGGS = {"llama-3.1-8b": 8.03e9, "llama-3.1-70b": 70.6e9, "mistral-large": 123e9}
TINY = dict.fromkeys(("llama", "qwen", "mistral", "gemma"))


def speeds_of(config, sizes, jobs, root):
    files = Files(config, root)
    work = WorkOf(config, rows_of(files), lengths_of_sources(jobs, files))
    return Speeds(Priors(config, sizes), work, jobs, files), work


@pytest.mark.parametrize(
    ("target", "gpus", "hours"), [("llama-3.1-8b", 2, 0.86), ("llama-3.1-70b", 4, 11.1)]
)
def test_training_takes_what_the_published_runs_took(tmp_path, target, gpus, hours):
    """0:52 to 0:53 hours on two H100s, 11:10 to 11:18 on four."""
    config = study("synthetic-eggs")
    job = planned("train", gpus=gpus, target=target, mix="single-small", seed="1")
    work = WorkOf(config, rows_of(Files(config, tmp_path)), {})(job.rule, job.wildcards)
    assert Priors(config, EGGS)(job, work).total / 3600 == pytest.approx(hours, rel=0.35)


@pytest.mark.parametrize(
    ("kind", "wildcards", "runs", "seconds"),
    [
        ("train", {"target": "llama", "mix": "human", "seed": "1"}, 1, 9.6),
        ("respond", {"target": "llama", "mix": "human", "seed": "1"}, 3, 9.7),
        ("score_target", {"target": "llama", "mix": "human", "seed": "1"}, 3, 6.5),
        ("generate", {"source": "qwen", "shard": "0", "shards": "1"}, 1, 9.0),
        ("pretrain", {"model": "qwen"}, 1, 41.0),
        ("embed", {}, 1, 21.8),
        ("measure", {"target": "llama", "mix": "human"}, 1, 1.1),
    ],
)
def test_priors_of_the_embedded_study_are_what_its_jobs_took(
    tmp_path, kind, wildcards, runs, seconds
):
    """Measured on two cores, the study alone on the machine; answers and likelihoods of three runs
    with one load."""
    config = study()
    job = planned(kind, **wildcards)
    work = WorkOf(config, rows_of(Files(config, tmp_path)), {})(kind, wildcards)
    prior = Priors(config, TINY)(job, work)
    assert prior.setup + runs * prior.work == pytest.approx(seconds, rel=0.3)


def test_one_load_for_a_target_is_planned_as_one_load(tmp_path):
    config = study()
    work = WorkOf(config, rows_of(Files(config, tmp_path)), {})
    for kind in ("respond", "score_target"):
        run = planned(kind, target="llama", mix="human", seed="1")
        whole = planned(kind, target="llama")
        each, together = (
            Priors(config, TINY)(job, work(kind, job.wildcards)) for job in (run, whole)
        )
        assert together.setup == each.setup
        assert 20 < together.work / each.work < 30  # 25 runs


def test_twice_the_rows_on_twice_the_gpus_take_as_long():
    priors = Priors(study("synthetic-eggs"), EGGS)
    one = planned("respond", gpus=2, target="llama-3.1-70b", mix="human", seed="1")
    two = planned("respond", gpus=4, target="llama-3.1-70b", mix="human", seed="1")
    work = [Work(rows, 300.0 * rows, 250.0 * rows) for rows in (1000, 2000)]
    assert priors(one, work[0]).work == pytest.approx(priors(two, work[1]).work)


def test_a_trial_too_small_for_a_full_batch_is_slower_per_row():
    priors = Priors(study(), TINY)
    few, many = (Work(rows, 40.0 * rows, 20.0 * rows) for rows in (8, 32))
    job = planned("pilot", source="llama")
    assert priors(job, few).work / 8 > 2 * priors(job, many).work / 32


def test_devices_are_told_apart():
    priors = Priors(study("synthetic-eggs"), EGGS)
    shard = {"shard": "0", "shards": "4"}
    assert priors.device_of(planned("generate", source="gpt-4o", **shard)) == NETWORK
    assert priors.device_of(planned("generate", source="mistral-large", gpus=4, **shard)) == GPU
    assert priors.device_of(planned("summarise")) == CPU


def test_measured_jobs_replace_the_prior_of_their_kind_and_correct_the_others(tmp_path):
    config = study()
    train = [planned("train", n, target="llama", mix="human", seed=str(n)) for n in (1, 2, 3)]
    other = planned("score_target", target="llama", mix="human", seed="1")
    jobs = [*train, other]
    speeds, work = speeds_of(config, TINY, jobs, tmp_path)
    before, basis = speeds(other, work("score_target", other.wildcards))
    assert basis == PRIOR
    for job in train[:2]:
        write_benchmark(tmp_path, job, 30.0)
    speeds, work = speeds_of(config, TINY, jobs, tmp_path)
    third, basis = speeds(train[2], work("train", train[2].wildcards))
    assert (third.total, basis) == (pytest.approx(30.0), "measured: 2 jobs")
    after, basis = speeds(other, work("score_target", other.wildcards))
    assert after.total > 2 * before.total and basis.startswith("prior × ")


def test_a_trial_tells_of_the_shards_of_its_model_and_of_nobody_s_else(tmp_path):
    config = study()
    pilot = planned("pilot", source="llama", run=False)
    shards = [planned("generate", source=name, shard="0", shards="1") for name in ("llama", "qwen")]
    usage = tmp_path / "results/embedded/work/sources/llama/pilot/usage.json"
    usage.parent.mkdir(parents=True)
    counts = {"rows": 32, "prompt_tokens": 320, "completion_tokens": 640, "seconds": 8.0}
    usage.write_text(json.dumps(counts))
    results = {"outputs": ["results/embedded/sources/llama/pilot.json"]}
    jobs = [type(pilot)(**vars(pilot) | results), *shards]
    write_benchmark(tmp_path, pilot, 20.0)
    speeds, work = speeds_of(config, TINY, jobs, tmp_path)
    own, basis = speeds(shards[0], work("generate", shards[0].wildcards))
    # 800 rows of the same lengths, in full batches as the trial was.
    assert (own.setup, own.work) == (pytest.approx(12.0), pytest.approx(8.0 * 800 / 32))
    assert basis == "measured: 1 job"
    assert speeds(shards[1], work("generate", shards[1].wildcards))[1].startswith("prior")


@pytest.mark.parametrize("content", ["", "s\th:m:s\n", "nothing\n", "s\th:m:s\nlong\t0\n"])
def test_a_benchmark_that_is_cut_short_is_none(tmp_path, content):
    (tmp_path / "b.tsv").write_text(content)
    assert read_benchmark(tmp_path / "b.tsv") is None
    assert read_benchmark(tmp_path / "missing.tsv") is None


CHAIN = [planned("a"), planned("b", needs=[0]), planned("c", needs=[1]), planned("d")]
SECONDS = {0: 10.0, 1: 20.0, 2: 5.0, 3: 30.0}


@pytest.mark.parametrize(("cores", "wall"), [(1, 65.0), (2, 35.0), (8, 35.0)])
def test_wall_time_is_bound_by_the_width_and_by_the_longest_chain(cores, wall):
    times = timetable(CHAIN, SECONDS, Width(cores=cores))
    assert (times.wall, times.longest_path) == (wall, 35.0)


def test_jobs_at_a_time_and_gpus_bound_it_too():
    jobs = [planned("train", n, gpus=2) for n in range(6)]
    seconds = dict.fromkeys(range(6), 100.0)
    assert timetable(jobs, seconds, Width(jobs=100)).peak_gpus == 12
    assert timetable(jobs, seconds, Width(jobs=3)).wall == 200.0
    assert timetable(jobs, seconds, Width(jobs=100, gpus=4)).wall == 300.0


def test_a_job_larger_than_the_width_runs_alone():
    jobs = [planned("wide", threads=8), planned("narrow", 1)]
    times = timetable(jobs, {0: 10.0, 1: 10.0}, Width(cores=2))
    assert times.wall == 20.0


def test_finished_jobs_take_no_time():
    assert timetable(CHAIN, {2: 5.0}, Width(cores=1)).spans == {2: (0.0, 5.0)}
    assert timetable(CHAIN, {}, Width(cores=1)).wall == 0.0
