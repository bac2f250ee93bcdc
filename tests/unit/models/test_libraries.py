"""Importing the large libraries of models."""

import gc
import sys

import pytest

from manybaskets.models.libraries import import_libraries


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
