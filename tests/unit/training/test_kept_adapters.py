"""A finished adapter is restored from its run's work folder, unless that one is damaged."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from manybaskets.training.checkpoints import keep_finished, take_finished

WEIGHTS = "adapter_model.safetensors"


@pytest.fixture
def adapter(tmp_path) -> Path:
    """An adapter, kept in `work/key`, and deleted."""
    output = tmp_path / "adapter"
    output.mkdir()
    (output / WEIGHTS).write_bytes(b"\x01" * 64)
    (output / "adapter_config.json").write_text("{}")
    (tmp_path / "work/key").mkdir(parents=True)
    keep_finished(output, tmp_path / "work/key")
    return output


def test_a_deleted_adapter_comes_back(adapter):
    shutil.rmtree(adapter)
    assert take_finished(adapter.parent / "work/key", adapter)
    assert (adapter / WEIGHTS).read_bytes() == b"\x01" * 64
    assert sorted(file.name for file in adapter.iterdir()) == ["adapter_config.json", WEIGHTS]


def test_damage_goes_through_a_hard_link_and_is_not_restored(adapter):
    with open(adapter / WEIGHTS, "r+b") as weights:
        weights.write(b"\x00")
    shutil.rmtree(adapter)
    work = adapter.parent / "work/key"
    assert not take_finished(work, adapter)
    assert not adapter.exists() and not (work / "adapter").exists()


def test_an_adapter_of_an_older_version_is_taken(adapter):
    shutil.rmtree(adapter)
    (adapter.parent / "work/key/adapter-digests.json").unlink()
    assert take_finished(adapter.parent / "work/key", adapter)
