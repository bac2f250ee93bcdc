"""The harness is called in its own environment; here a script takes its place."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import polars as pl
import pytest
from repository import ROOT
from score_files import harness_results, samples, section

from manybaskets.config.loading import parse_study, read_yaml
from manybaskets.errors import UserError
from manybaskets.experiments.benchmarks import harness, harness_driver
from manybaskets.experiments.benchmarks.local_tasks import local_tasks
from manybaskets.experiments.benchmarks.own_runs import with_runs
from manybaskets.experiments.benchmarks.ready_scores import read_runs
from manybaskets.experiments.benchmarks.settings import Benchmark, HarnessRun
from manybaskets.experiments.benchmarks.world_facts import write_facts
from manybaskets.world.places import make_towns

TASKS = {"bbh": Benchmark(task="leaderboard_bbh")}


def stand_in(folder: Path, body: str) -> str:
    """An interpreter that runs this instead of the driver; `settings` is what it is told."""
    file = folder / "python"
    file.write_text(
        f"#!{sys.executable}\nimport json, pathlib, shutil, sys\n"
        f"settings = json.load(open(sys.argv[2]))\n{body}\n"
    )
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return str(file)


def evaluate(tmp_path: Path, python: str, **changes):
    settings = {
        "model": tmp_path / "model",
        "runs": [("vanilla/seed0", None), ("multi/seed1", tmp_path / "adapter")],
        "tasks": TASKS,
        "settings": HarnessRun(tasks=["bbh"], python=python),
        "precision": "float32",
        "threads": 1,
        "gpus": 0,
        "seed": 42,
        "work": tmp_path / "work",
        "outputs": [(tmp_path / f"{n}.json", tmp_path / f"{n}.parquet") for n in "ab"],
    }
    harness.evaluate(**(settings | changes))


@pytest.fixture
def answering(tmp_path) -> str:
    """Writes the same results for every run, like the driver, and counts its calls."""
    made = harness_results(tmp_path / "made.json", score=0.5)
    items = samples(tmp_path / "made.jsonl", {"a": 1, "b": 0})
    return stand_in(
        tmp_path,
        "for run in settings['runs']:\n"
        "    folder = pathlib.Path(run['folder']); folder.mkdir(parents=True, exist_ok=True)\n"
        f"    shutil.copy({str(made)!r}, folder / 'results_leaderboard_bbh.json')\n"
        f"    shutil.copy({str(items)!r}, folder / 'samples_leaderboard_bbh.jsonl')\n",
    )


def test_every_run_has_its_results_and_items(tmp_path, answering):
    evaluate(tmp_path, answering)
    found = json.loads((tmp_path / "b.json").read_text())
    assert found["bbh"]["results"]["leaderboard_bbh"]["acc_norm,none"] == 0.5
    assert pl.read_parquet(tmp_path / "b.parquet").rows() == [("bbh", "a:0", 1), ("bbh", "b:0", 0)]
    (told,) = tmp_path.glob("work/*/settings.json")
    runs = json.loads(told.read_text())["runs"]
    assert [run["adapter"] for run in runs] == [None, str(tmp_path / "adapter")]


def test_seeds_of_a_mix_are_one_model(tmp_path, answering):
    evaluate(tmp_path, answering)
    files = [(tmp_path / f"{n}.json", tmp_path / f"{n}.parquet") for n in "ab"]
    own = section(
        harness={"tasks": ["bbh"]}, tasks={"bbh": {"task": "leaderboard_bbh"}}, averages={}
    )
    score = read_runs(own, {"one": files}).get("one", "bbh")
    assert (score.value, len(score.seeds), score.items) == (0.5, 2, {"a:0": 1, "b:0": 0})
    assert score.settings["version"] == "0.4.13" and score.settings["few_shot"] == 3


def test_other_settings_and_other_task_files_never_reuse_results(tmp_path, answering):
    folder = tmp_path / "tasks"
    folder.mkdir()
    (folder / "own.yaml").write_text("task: leaderboard_bbh\nprocess: !function utils.process\n")
    digests = []
    for settings in (
        {"few_shot": 0}, {"few_shot": 5}, {"few_shot": 5, "batch_size": 3}, {"include": str(folder)},
    ):  # fmt: skip
        evaluate(
            tmp_path, answering, settings=HarnessRun(tasks=["bbh"], python=answering, **settings)
        )
        digests.append({file.name for file in (tmp_path / "work").iterdir()})
    (folder / "own.yaml").write_text("task: leaderboard_bbh\nnum_fewshot: 1\n")
    evaluate(
        tmp_path,
        answering,
        settings=HarnessRun(tasks=["bbh"], python=answering, include=str(folder)),
    )
    digests.append({file.name for file in (tmp_path / "work").iterdir()})
    assert [len(each) for each in digests] == [1, 2, 2, 3, 4]  # the batch size changes no result


def test_the_driver_skips_tasks_that_have_results(tmp_path, monkeypatch):
    """It does not even import the harness."""
    run = {"adapter": None, "folder": str(tmp_path)}
    (tmp_path / "results_bbh.json").write_text("{}")
    monkeypatch.setitem(sys.modules, "torch", None)
    harness_driver.main({"tasks": ["bbh"], "runs": [run]})
    with pytest.raises(ImportError):
        harness_driver.main({"tasks": ["bbh", "gpqa"], "runs": [run]})


def test_a_failing_harness_says_why(tmp_path):
    python = stand_in(tmp_path, "print('ValueError: adapter_config.json has no r'); sys.exit(1)")
    with pytest.raises(UserError, match="adapter_config.json has no r") as error:
        evaluate(tmp_path, python)
    assert "leaderboard_bbh" in error.value.where
    with pytest.raises(UserError, match="there is no Python interpreter") as error:
        evaluate(tmp_path, str(tmp_path / "nowhere"))
    assert "make setup-harness" in error.value.remedy


def test_task_files_name_their_data(tmp_path):
    (tmp_path / "facts.yaml").write_text(
        "task: facts\ndataset_path: json\ndataset_kwargs: {data_files: {test: facts.jsonl}}\n"
        "process_results: !function utils.process\n"
    )
    (tmp_path / "group.yaml").write_text("group: all\n")
    assert local_tasks(tmp_path) == {"facts": [tmp_path / "facts.yaml", Path("facts.jsonl")]}
    shipped = local_tasks(ROOT / "resources/benchmarks/ifeval")
    assert list(shipped) == ["ifeval_local"]


def embedded(**changes):
    benchmarks = {"tasks": {"facts": {}}, "harness": {"tasks": ["facts"]}}
    settings = read_yaml(ROOT / "config/config.yaml")
    return parse_study(settings | {"benchmarks": benchmarks | changes}, "config.yaml")


def test_runs_of_the_study_are_models_with_a_selection_for_each_target():
    study = embedded()
    target = study.targets[0]
    models = with_runs(study).models
    assert {f"{target}.{mix}" for mix in ("vanilla", *study.mixes)} <= models.keys()
    selection = with_runs(study).selections[target]
    assert selection.baseline == f"{target}.vanilla" and len(selection.models) == 1 + len(
        study.mixes
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"harness": {"tasks": ["other"]}}, "benchmarks.harness.tasks: 'other' is not among"),
        ({"harness": {"tasks": ["facts"], "models": ["gpt"]}}, "benchmarks.harness.models: 'gpt'"),
        ({"harness": None}, "benchmarks: add `results`"),
    ],
)
def test_the_section_is_checked(changes, message):
    with pytest.raises(UserError) as error:
        embedded(**changes)
    assert message in str(error.value)


def test_facts_of_the_world_are_a_task_with_the_right_answers(tmp_path):
    write_facts(6, 1, tmp_path / "world_facts.yaml", tmp_path / "facts.jsonl")
    assert local_tasks(tmp_path)["world_facts"][1] == tmp_path / "facts.jsonl"
    items = [json.loads(line) for line in (tmp_path / "facts.jsonl").read_text().splitlines()]
    assert len(items) == 6 * 4 and {len(item["choices"]) for item in items} == {12}
    towns = {town.name: town for town in make_towns(6, 1)}
    for item in items:
        right = item["choices"][item["answer"]]
        town = next(each for name, each in towns.items() if name in item["question"])
        assert any(value in right for value in (town.river, town.founder, town.craft, town.animal))
        assert sum(choice == right for choice in item["choices"]) == 1
