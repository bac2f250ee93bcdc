"""The stage that trains, run by Snakemake with two processes: what is told, and what runs again."""

from __future__ import annotations

import copy
import json

import pytest
import yaml
from projects import REPOSITORY, new_project

SMALL = REPOSITORY / "tests/cluster/small.yaml"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The smallest study with human answers alone, trained by two processes that share the model."""
    study = yaml.safe_load(SMALL.read_text(encoding="utf-8"))
    study["mixes"], study["sources"], study["comparisons"] = {"human": {"kind": "human"}}, {}, {}
    study["training"] |= {
        "batch_size": 8,
        "evaluations": 2,
        "max_first_loss": 2.0,
        "per_target": {"llama": {"processes": 2}},
        "launch": {"llama": {"strategy": "fsdp", "gradient_checkpointing": True}},
    }
    project = new_project(tmp_path_factory.mktemp("trained") / "project")
    write(project, study)
    project.run("adapters", "--cores", "2", "--configfile", "study.yaml")
    return project, study


def write(project, study) -> None:
    (project.folder / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")


def planned(project, study) -> dict[str, int]:
    write(project, study)
    jobs = project.planned("adapters", "--configfile", "study.yaml")
    return {rule: count for rule, count in jobs.items() if rule != "adapters"}


def test_two_processes_train_one_adapter(trained):
    project, _ = trained
    run = project.path("runs/llama/human/seed1/adapter", "small")
    manifest = json.loads((run / "manifest.json").read_text())
    told = manifest["launch"]
    assert (told["strategy"], told["processes"], manifest["rows_per_step"]) == ("fsdp", 2, 16)
    evaluated = [point["step"] for point in manifest["curve"] if point["kind"] == "eval"]
    assert evaluated[0] == 0 and evaluated[-1] == manifest["steps"]
    assert (run / "adapter_model.safetensors").stat().st_size > 1000
    log = project.path("logs/runs/llama/human/seed1/train.log", "small").read_text()
    for words in (
        "2 processes, fsdp",
        "the trial of 2 steps on the longest rows succeeded",
        "eval_loss",
    ):
        assert words in log
    assert not list(project.path("work/runs/llama", "small").rglob("checkpoint-*"))


@pytest.mark.parametrize(
    ("key", "value", "again"),
    [
        ("launch", {"llama": {"strategy": "ddp"}}, False),
        ("smoke_steps", 0, False),
        ("max_first_loss", 0.75, False),
        ("report_to", ["tensorboard"], False),
        ("per_target", {"llama": {"processes": 1}}, True),
        ("per_target", {"llama": {"processes": 2, "accumulation": 2}}, True),
        ("tf32", True, True),
    ],
)
def test_what_changes_an_adapter_trains_it_again(trained, key, value, again):
    project, study = trained
    assert planned(project, study) == {}
    changed = copy.deepcopy(study)
    changed["training"][key] = value
    if key == "per_target" and value["llama"]["processes"] == 1:
        changed["training"]["launch"] = {}
    assert planned(project, changed) == ({"train": 1} if again else {})
