"""Partitions are looked up before a run, where the cluster tells."""

from __future__ import annotations

import pytest

from manybaskets.errors import UserError
from manybaskets.plan.machine import Machine
from manybaskets.plan.partitions import check_partitions


def answer(folder, monkeypatch, script: str) -> None:
    """Put a `sinfo` first on the path."""
    command = folder / "sinfo"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def test_a_partition_that_is_not_there_is_named_with_its_key(tmp_path, monkeypatch):
    answer(tmp_path, monkeypatch, "echo cpu; echo gpu")
    check_partitions(Machine(light={"partition": "cpu"}, accelerated={"partition": "gpu"}))
    with pytest.raises(UserError, match="no partition 'gpus'") as error:
        check_partitions(Machine(accelerated={"partition": "gpus"}))
    assert error.value.where == "slurm/machine.yaml: accelerated.partition"
    assert "cpu, gpu" in error.value.expected


@pytest.mark.parametrize("script", ["exit 1", "echo", "echo 'sinfo: error'  >&2; exit 1"])
def test_a_cluster_without_an_answer_is_not_judged(tmp_path, monkeypatch, script):
    answer(tmp_path, monkeypatch, script)
    assert check_partitions(Machine(light={"partition": "any"})) is None
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert check_partitions(Machine(light={"partition": "any"})) is None


def test_lists_of_partitions_and_hidden_ones(tmp_path, monkeypatch):
    answer(tmp_path, monkeypatch, 'echo gpu; echo gpu-long; [ "$1" = --all ] && echo lab; true')
    check_partitions(Machine(accelerated={"partition": "gpu,gpu-long"}))
    check_partitions(Machine(accelerated={"partition": "lab"}))
    with pytest.raises(UserError, match="no partition 'gpux'"):
        check_partitions(Machine(accelerated={"partition": "gpu,gpux"}))
