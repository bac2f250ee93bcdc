"""Importing the large libraries of models."""

import gc
import importlib.util
import subprocess
import sys

import pytest

from manybaskets.models.libraries import hide_packages, import_libraries


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """Two modules, of which one notes whether garbage is collected while it is imported."""
    (tmp_path / "noting.py").write_text("import gc\nCOLLECTING = gc.isenabled()\n")
    (tmp_path / "failing.py").write_text("raise ImportError('planted')\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("noting", None)


def test_nothing_is_collected_during_the_imports_alone(modules):
    frozen = gc.get_freeze_count()
    import_libraries("json", "noting")
    assert not sys.modules["noting"].COLLECTING and gc.isenabled()
    assert gc.get_freeze_count() > frozen
    frozen = gc.get_freeze_count()
    import_libraries("json", "noting")  # they are there: what lives now may become garbage
    assert gc.get_freeze_count() <= frozen


def test_collecting_goes_on_after_a_failure(modules):
    with pytest.raises(ImportError, match="planted"):
        import_libraries("failing")
    assert gc.isenabled()


def test_who_collects_nothing_is_left_alone(modules):
    gc.disable()
    try:
        import_libraries("noting")
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_hidden_package_is_missing_for_whoever_asks_and_what_is_there_stays(modules, monkeypatch):
    import noting

    monkeypatch.delitem(sys.modules, "failing", raising=False)
    hide_packages("failing", "noting")
    try:
        assert importlib.util.find_spec("failing") is None
        with pytest.raises(ModuleNotFoundError):
            import failing  # noqa: F401
        assert sys.modules["noting"] is noting
    finally:
        del sys.modules["failing"]


def test_the_trainer_works_without_the_packages_that_trainings_hide(tmp_path):
    """In a process of its own, up to a step: what it imports is decided once."""
    code = """
import sys
from manybaskets.models.libraries import hide_packages, import_libraries
hide_packages("datasets", "scipy")
import_libraries("torch", "transformers.trainer", "peft")
import torch
from transformers import Trainer, TrainingArguments
class Line(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
    def forward(self, x, labels):
        return {"loss": ((self.weight * x - labels) ** 2).mean()}
rows = [{"x": torch.ones(1), "labels": torch.ones(1)}] * 4
settings = TrainingArguments(sys.argv[1], max_steps=2, report_to="none", use_cpu=True, save_strategy="no")
model = Line()
Trainer(model, settings, train_dataset=rows, eval_dataset=rows).train()
assert model.weight.item() > 0
assert not {"datasets", "scipy", "pandas"} & {name for name, module in sys.modules.items() if module}
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
